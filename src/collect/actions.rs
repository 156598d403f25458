//! What alerts set off: a build in a process of its own, or a roll-back.

use super::App;
use super::models::Model;
use crate::alerts::{ActionState, Alert};
use crate::canvas::RuleAction;
use serde_json::Value;
use std::collections::HashSet;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::process::Command;

/// The most words that are kept of what a build said.
const MAX_WORDS: usize = 2_000;

/// Which models are being built: one build each at a time.
#[derive(Debug, Default)]
pub struct Builds {
    running: Arc<Mutex<HashSet<String>>>,
}

/// The right to build a model, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    running: Arc<Mutex<HashSet<String>>>,
    model: String,
}

impl Builds {
    /// Begins a build, unless one of this model is running.
    pub fn begin(&self, model: &str) -> Option<Turn> {
        let begun = self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(model.to_owned());
        begun.then(|| Turn { running: self.running.clone(), model: model.to_owned() })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.model);
    }
}

/// Takes the action of an alert, and writes into the alert what came of it.
pub async fn take(app: Arc<App>, model: Arc<Model>, alert: Alert) {
    let before = model.champion();
    let result = match alert.action {
        RuleAction::Notify => return,
        _ if before != alert.version => Err("the version that it is about answers no more".to_owned()),
        RuleAction::Retrain => match app.builds.begin(model.name()) {
            Some(turn) => retrain(&app, &model, turn).await,
            None => Err("a build of this model is running already".to_owned()),
        },
        RuleAction::RollBack => roll_back(&app, &model, &alert).await,
    };
    let (state, words) = match result {
        Ok(words) => (ActionState::Done, words),
        Err(words) => (ActionState::Failed, words),
    };
    let after = model.champion();
    app.change_alert(alert.id, |alert| {
        alert.promoted = (after != before).then_some(after);
        alert.action_state = state;
        alert.detail = Some(words);
    })
    .await;
}

/// Builds a model by `nearside retrain` and reads the folder again. Gives, in words, what came of it.
pub async fn retrain(app: &Arc<App>, model: &Arc<Model>, turn: Turn) -> Result<String, String> {
    let Some(project) = model.project() else {
        return Err("the model is served as a bundle alone; serve its project to retrain it".into());
    };
    let before = model.champion();
    let mut command = Command::new(&app.program);
    command.arg("retrain").arg("--project").arg(project).arg("--json");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let child = command.spawn().map_err(|error| format!("the build could not be started: {error}"))?;
    // Past its time the build is dropped, and with that killed.
    let output = tokio::time::timeout(app.retrain_timeout, child.wait_with_output()).await;
    let output = match output {
        Ok(output) => output.map_err(|error| format!("the build could not be followed: {error}"))?,
        Err(_) => {
            let limit = app.retrain_timeout.as_secs();
            return Err(format!("the build was stopped after {limit} s; allow more with --retrain-timeout"));
        }
    };
    drop(turn);
    app.refresh(model).await;
    let (said, champion) = (summary(&output), model.champion());
    if !output.status.success() {
        return Err(said);
    }
    Ok(match champion == before {
        true => format!("no new version was promoted. {said}"),
        false => format!("version {champion} answers now, {before} did before. {said}"),
    })
}

async fn roll_back(app: &Arc<App>, model: &Arc<Model>, alert: &Alert) -> Result<String, String> {
    let Some(previous) = model.channel().previous else {
        return Err("there is no version before this one".into());
    };
    // Without this, two bad versions would take turns for ever.
    if app.was_rolled_back(model.name(), &previous.version, alert.id).await {
        return Err(format!("version {} was itself rolled back; somebody must look at this", previous.version));
    }
    let subject = model.clone();
    let rolled = tokio::task::spawn_blocking(move || subject.registry().rollback()).await;
    let channel = rolled.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    app.refresh(model).await;
    Ok(format!("version {} answers again", channel.champion.version))
}

/// What a build says about itself: the words in its JSON, otherwise the last lines that it wrote.
fn summary(output: &Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let json = serde_json::from_str(stdout.trim()).ok();
    let json = json.or_else(|| stdout.lines().rev().find_map(|line| serde_json::from_str(line).ok()));
    let words = json.as_ref().and_then(words_of);
    let last = |text: &str| {
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    };
    let words = words.or_else(|| Some(last(&stderr)).filter(|text| !text.is_empty())).unwrap_or_else(|| last(&stdout));
    match words.is_empty() {
        true => format!("the build ended with {}", output.status),
        false => words.chars().take(MAX_WORDS).collect(),
    }
}

fn words_of(json: &Value) -> Option<String> {
    let found = ["words", "message", "detail", "summary"].iter().find_map(|key| json.get(key));
    match found.or_else(|| json.get("error"))? {
        Value::String(text) => Some(text.clone()),
        Value::Array(lines) => {
            let lines: Vec<&str> = lines.iter().filter_map(Value::as_str).collect();
            (!lines.is_empty()).then(|| lines.join(" "))
        }
        nested @ Value::Object(_) => words_of(nested),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::ExitStatus;

    fn output(stdout: &str, stderr: &str) -> Output {
        Output { status: ExitStatus::default(), stdout: stdout.into(), stderr: stderr.into() }
    }

    #[test]
    fn a_build_is_retold_in_its_own_words() {
        assert_eq!(summary(&output("{\"words\": [\"One.\", \"Two.\"]}", "noise")), "One. Two.");
        assert_eq!(summary(&output("progress\n{\"error\": {\"message\": \"no data\"}}\n", "")), "no data");
        assert_eq!(summary(&output("", "a\n\nb\n")), "a\nb");
        assert!(summary(&output("", "")).starts_with("the build ended with"));
    }

    #[test]
    fn one_build_of_a_model_at_a_time() {
        let builds = Builds::default();
        let turn = builds.begin("m");
        assert!(turn.is_some() && builds.begin("m").is_none() && builds.begin("other").is_some());
        drop(turn);
        assert!(builds.begin("m").is_some());
    }
}
