//! Whether each source of block 2 states what its kind needs, and nothing that its kind does not read.

use super::check::Report;
use super::{Canvas, DataSource, SourceFormat, SourceKind};

/// The keys that every kind accepts.
const COMMON: [&str; 5] = ["join", "refresh", "licence", "owner", "cost"];

/// Headers that carry a secret: their value comes from the environment.
const SECRET_HEADERS: [&str; 6] =
    ["authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-auth-token"];

pub(super) fn check_sources(canvas: &Canvas, report: &mut Report) {
    let sources = canvas.data_sources.iter().enumerate();
    report.distinct(
        "source",
        sources.clone().map(|(index, source)| (format!("data_sources[{index}].name"), source.name.as_str())),
    );
    for (index, source) in sources {
        let path = format!("data_sources[{index}]");
        check_keys(&path, source, report);
        check_location(&path, source, report);
        check_format(&path, source, report);
        check_secrets(&path, source, report);
        if let Some(join) = &source.join {
            if index == 0 {
                report.add(
                    format!("{path}.join"),
                    "the first source has nothing to be joined to",
                    "put the source whose rows are predicted first, and join the others to it",
                );
            }
            if join.key.is_empty() {
                report.add(format!("{path}.join.key"), "the key is empty", "name a column that both sources have");
            }
        }
        if let Some(refresh) = &source.refresh {
            report.length(format!("{path}.refresh"), refresh);
        }
        if let Some(seconds) = source.timeout_s {
            report.above_zero(&format!("{path}.timeout_s"), seconds);
        }
        report.not_negative(&format!("{path}.cost.per_row"), source.cost.per_row);
        report.not_negative(&format!("{path}.cost.per_gb_month"), source.cost.per_gb_month);
        report.not_negative(&format!("{path}.cost.per_call"), source.cost.per_call);
    }
}

/// The keys of a kind beside the common ones: what it must state, and what it may.
const fn keys(kind: SourceKind) -> (&'static [&'static str], &'static [&'static str]) {
    match kind {
        SourceKind::Csv | SourceKind::Parquet | SourceKind::Jsonl | SourceKind::Recipe => (&["location"], &[]),
        SourceKind::Sqlite => (&["location", "query"], &[]),
        SourceKind::Postgres => (&["location", "query"], &["timeout_s"]),
        SourceKind::Http => (&["location"], &["format", "records", "headers", "timeout_s"]),
        SourceKind::Command => (&["command"], &["format", "timeout_s"]),
    }
}

fn check_keys(path: &str, source: &DataSource, report: &mut Report) {
    let (needed, optional) = keys(source.kind);
    let stated = [
        ("location", !source.location.is_empty()),
        ("query", source.query.as_ref().is_some_and(|query| !query.trim().is_empty())),
        ("format", source.format.is_some()),
        ("records", source.records.is_some()),
        ("headers", !source.headers.is_empty()),
        ("command", source.command.first().is_some_and(|program| !program.is_empty())),
        ("timeout_s", source.timeout_s.is_some()),
    ];
    let kind = source.kind.name();
    for (key, stated) in stated {
        if stated && !needed.contains(&key) && !optional.contains(&key) {
            let accepted: Vec<&str> = needed.iter().chain(optional).chain(&COMMON).copied().collect();
            report.add(
                format!("{path}.{key}"),
                format!("a source of kind \"{kind}\" reads no \"{key}\""),
                format!("accepted: name, kind, {}", accepted.join(", ")),
            );
        }
        if !stated && needed.contains(&key) {
            let help = match key {
                "query" => "add query = \"SELECT …\"",
                "command" => "add command = [\"program\", \"argument\"]",
                _ => match source.kind {
                    SourceKind::Http => "add location = \"https://…\"",
                    SourceKind::Postgres => "add location = \"postgres://user:${PASSWORD}@host/database\"",
                    _ => "name a file, relative to the canvas",
                },
            };
            let what =
                if key == "location" { "the location is empty".to_owned() } else { format!("there is no {key}") };
            report.add(format!("{path}.{key}"), what, help);
        }
    }
}

fn check_location(path: &str, source: &DataSource, report: &mut Report) {
    let location = &source.location;
    let starts = |schemes: &[&str]| location.starts_with("${") || schemes.iter().any(|it| location.starts_with(it));
    if source.kind == SourceKind::Http && !location.is_empty() && !starts(&["http://", "https://"]) {
        let message = format!("\"{location}\" is not a URL");
        report.add(format!("{path}.location"), message, "write it with http:// or https://");
    }
    let texts = [("location".to_owned(), location)];
    let headers = source.headers.iter().map(|(name, value)| (format!("headers.{name}"), value));
    for (key, text) in texts.into_iter().chain(headers) {
        let unclosed = text.split("${").skip(1).any(|rest| !matches!(rest.find('}'), Some(1..)));
        if unclosed {
            let help = "write the name of an environment variable in braces: ${NAME}";
            report.add(format!("{path}.{key}"), "\"${\" is not followed by a name and \"}\"", help);
        }
    }
}

fn check_format(path: &str, source: &DataSource, report: &mut Report) {
    let format = source.answer();
    if source.kind == SourceKind::Http && !source.location.is_empty() && format.is_none() {
        let message = "the address does not say what is answered";
        report.add(format!("{path}.format"), message, "add format; accepted: csv, jsonl, json, parquet");
    }
    if source.kind == SourceKind::Command && matches!(format, Some(SourceFormat::Json | SourceFormat::Parquet)) {
        let message = "a program's output is read line by line";
        report.add(format!("{path}.format"), message, "accepted: csv, jsonl");
    }
    if source.kind == SourceKind::Http && source.records.is_some() && format != Some(SourceFormat::Json) {
        let message = "only a JSON document has a list to be found";
        report.add(format!("{path}.records"), message, "add format = \"json\", or leave records out");
    }
}

/// A secret that stands in the canvas would be published with it.
fn check_secrets(path: &str, source: &DataSource, report: &mut Report) {
    let help = "write ${NAME} in its place, and set the environment variable NAME";
    let location = &source.location;
    let address = location.split_once("://").and_then(|(_, rest)| rest.split(['/', '?']).next());
    let of_user = address.and_then(|address| address.rsplit_once('@')).and_then(|(user, _)| user.split_once(':'));
    let of_pair = location.split_once("password=").map(|(_, rest)| rest);
    let password = of_user.map(|(_, password)| password).or(of_pair);
    if password.is_some_and(|password| !password.is_empty() && !password.starts_with("${")) {
        report.add(format!("{path}.location"), "a password stands in the canvas", help);
    }
    for (name, value) in &source.headers {
        if SECRET_HEADERS.contains(&name.to_ascii_lowercase().as_str()) && !value.contains("${") {
            report.add(format!("{path}.headers.{name}"), "a secret stands in the canvas", help);
        }
    }
}

impl DataSource {
    /// What an `http` or `command` source answers: as stated, or by the end of the address. A program prints CSV.
    pub fn answer(&self) -> Option<SourceFormat> {
        if self.format.is_some() || self.kind == SourceKind::Command {
            return self.format.or(Some(SourceFormat::Csv));
        }
        let path = self.location.split(['?', '#']).next().unwrap_or_default();
        let path = path.strip_suffix(".gz").unwrap_or(path);
        match path.rsplit_once('.')?.1 {
            "csv" => Some(SourceFormat::Csv),
            "jsonl" | "ndjson" => Some(SourceFormat::Jsonl),
            "json" => Some(SourceFormat::Json),
            "parquet" => Some(SourceFormat::Parquet),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    fn findings(sources: Vec<DataSource>) -> Vec<(String, String)> {
        let mut canvas = Canvas { name: "x".into(), data_sources: sources, ..Canvas::default() };
        canvas.prediction_task.target = "y".into();
        check(&canvas)
            .into_iter()
            .map(|finding| (finding.path, format!("{}; {}", finding.message, finding.help)))
            .collect()
    }

    fn source(kind: SourceKind, location: &str) -> DataSource {
        DataSource { name: kind.name().into(), kind, location: location.into(), ..DataSource::default() }
    }

    #[test]
    fn sound_sources_are_taken() {
        let command = DataSource { command: vec!["cat".into()], ..source(SourceKind::Command, "") };
        let query = Some("SELECT 1".to_owned());
        let sqlite = DataSource { query: query.clone(), ..source(SourceKind::Sqlite, "x.db") };
        let postgres = DataSource { query, ..source(SourceKind::Postgres, "postgres://me:${PASSWORD}@host/db") };
        let http = source(SourceKind::Http, "https://example.org/rows.csv.gz?key=${KEY}");
        assert_eq!(findings(vec![command, sqlite, postgres, http, source(SourceKind::Csv, "x.csv")]), []);
    }

    #[test]
    fn wrong_combinations_name_the_key_and_what_is_accepted() {
        let query = Some("SELECT 1".to_owned());
        let cases = [
            (DataSource { query, ..source(SourceKind::Csv, "x") }, "query", "accepted: name, kind, location, join"),
            (source(SourceKind::Sqlite, "x.db"), "query", "there is no query; add query"),
            (source(SourceKind::Command, ""), "command", "there is no command"),
            (source(SourceKind::Http, "rows.csv"), "location", "not a URL"),
            (source(SourceKind::Http, "https://example.org/rows"), "format", "accepted: csv, jsonl, json, parquet"),
            (source(SourceKind::Csv, "${HOME/x.csv"), "location", "is not followed by a name"),
        ];
        for (source, key, words) in cases {
            let found = findings(vec![source]);
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].0, format!("data_sources[0].{key}"));
            assert!(found[0].1.contains(words), "{found:?}");
        }
    }

    #[test]
    fn a_secret_in_the_canvas_is_refused() {
        let query = Some("SELECT 1".to_owned());
        let mut http = source(SourceKind::Http, "https://example.org/rows.csv");
        http.headers.insert("Authorization".into(), "Bearer abc".into());
        for location in ["postgres://me:secret@host/db", "host=x user=me password=secret"] {
            let found = findings(vec![DataSource { query: query.clone(), ..source(SourceKind::Postgres, location) }]);
            assert!(found[0].1.contains("a password stands in the canvas"), "{found:?}");
        }
        assert!(findings(vec![http])[0].1.contains("a secret stands in the canvas"));
    }
}
