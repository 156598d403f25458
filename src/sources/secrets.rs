//! `${VAR}` in locations and headers: taken from the environment, and never shown.

use crate::error::{Error, ErrorKind, Result};

/// A text whose variables are filled in, and what they were filled with.
#[derive(Clone, Default)]
pub(super) struct Filled {
    /// The text with the values in it. It is for the source only: never for a message.
    pub(super) text: String,
    values: Vec<(String, String)>,
}

/// Fills in `${VAR}` from the environment.
///
/// # Errors
/// `invalid-data` for a variable that is not set.
pub(super) fn fill(text: &str) -> Result<Filled> {
    fill_from(text, |name| std::env::var(name).ok())
}

fn fill_from(text: &str, lookup: impl Fn(&str) -> Option<String>) -> Result<Filled> {
    let mut filled = Filled::default();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, after)) = after.split_once('}') else { break };
        let value = lookup(name).ok_or_else(|| {
            Error::new(ErrorKind::InvalidData, format!("the environment variable {name} is not set"))
                .help(format!("set {name} before gathering; the canvas takes its value from there"))
        })?;
        filled.text.push_str(before);
        filled.text.push_str(&value);
        filled.values.push((name.to_owned(), value));
        rest = after;
    }
    filled.text.push_str(rest);
    Ok(filled)
}

impl Filled {
    /// A message with the values taken out again.
    pub(super) fn hide(&self, message: &str) -> String {
        let values = self.values.iter().filter(|(_, value)| !value.is_empty());
        values.fold(message.to_owned(), |message, (name, value)| message.replace(value, &format!("${{{name}}}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_filled_in_and_taken_out() {
        let lookup = |name: &str| (name == "KEY").then(|| "s3cret".to_owned());
        let filled = fill_from("https://x/?key=${KEY}&a=1", lookup).unwrap();
        assert_eq!(filled.text, "https://x/?key=s3cret&a=1");
        assert_eq!(filled.hide("cannot reach https://x/?key=s3cret"), "cannot reach https://x/?key=${KEY}");
        let error = fill_from("${OTHER}", lookup).err().unwrap().to_string();
        assert!(error.starts_with("the environment variable OTHER is not set"), "{error}");
    }
}
