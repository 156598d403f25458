//! The channel file: the one small file of a bundle that changes, and says which version pages use.

use serde::{Deserialize, Serialize};

/// `channel.json`: which version answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Channel {
    /// The format of this file; 1.
    pub format: u32,
    /// The name of the bundle.
    pub name: String,
    /// How versions are shared out.
    pub mode: Mode,
    /// The version that answers.
    pub champion: Pointer,
    /// The version that answered before, which a roll-back brings back.
    pub previous: Option<Pointer>,
}

/// How versions are shared out between pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The champion answers everywhere.
    Full,
}

/// What a page needs to know to fetch one version, all at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointer {
    /// The version: 12 hexadecimal digits.
    pub version: String,
    /// The file name of its manifest.
    pub manifest: String,
    /// The SHA-256 of that manifest, in hexadecimal; the manifest has those of all other files. Channels that were
    /// written before there was one lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The engine that runs it.
    pub engine: String,
    /// The file name of its model: of the file for pages, where the engine is `compiled`.
    pub model: String,
    /// The SHA-256 of that file, in hexadecimal, where it carries the manifest: pages need no other file then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_sha256: Option<String>,
}

impl Channel {
    /// A channel on which `champion` answers everywhere.
    pub fn new(name: impl Into<String>, champion: Pointer) -> Self {
        Self { format: 1, name: name.into(), mode: Mode::Full, champion, previous: None }
    }

    /// The pointer to a version that answers, or answered before.
    pub fn pointer(&self, version: &str) -> Option<&Pointer> {
        [Some(&self.champion), self.previous.as_ref()].into_iter().flatten().find(|known| known.version == version)
    }

    /// The channel after `next` has become champion. When it is champion already, its pointer alone is renewed.
    pub fn promoted(&self, next: Pointer) -> Self {
        if next.version == self.champion.version {
            return Self { champion: next, ..self.clone() };
        }
        Self { previous: Some(self.champion.clone()), champion: next, ..self.clone() }
    }

    /// The channel after a roll-back: champion and previous change places. Nothing when there is no previous one.
    pub fn rolled_back(&self) -> Option<Self> {
        let previous = self.previous.clone()?;
        Some(Self { previous: Some(self.champion.clone()), champion: previous, ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer(version: &str) -> Pointer {
        Pointer {
            version: version.into(),
            manifest: format!("manifest.{version}.json"),
            sha256: None,
            engine: "tract".into(),
            model: format!("model.{version}.onnx"),
            model_sha256: None,
        }
    }

    #[test]
    fn a_promotion_can_be_rolled_back_and_forth() {
        let first = Channel::new("m", pointer("a"));
        assert_eq!(first.rolled_back(), None);
        let second = first.promoted(pointer("b"));
        assert_eq!((second.champion.version.as_str(), second.promoted(pointer("b"))), ("b", second.clone()));
        let back = second.rolled_back().unwrap();
        assert_eq!(back.champion.version, "a");
        assert_eq!(back.rolled_back().unwrap(), second);
    }

    #[test]
    fn a_channel_from_before_there_was_a_hash_is_read_and_gains_it_in_its_place() {
        let old = r#"{"format":1,"name":"m","mode":"full","champion":{"version":"a","manifest":"manifest.a.json",
            "engine":"tract","model":"model.a.onnx"},"previous":null}"#;
        let old: Channel = serde_json::from_str(old).unwrap();
        assert_eq!(old, Channel::new("m", pointer("a")));
        assert!(!serde_json::to_string(&old).unwrap().contains("sha256"));
        let hashed = old.promoted(Pointer { sha256: Some("0f".into()), ..pointer("a") });
        assert_eq!((hashed.champion.sha256.as_deref(), hashed.previous.as_ref()), (Some("0f"), None));
        let next = hashed.promoted(pointer("b"));
        assert_eq!(next.pointer("a").and_then(|known| known.sha256.as_deref()), Some("0f"));
        assert_eq!(next.pointer("c"), None);
        assert_eq!(serde_json::from_str::<Channel>(&serde_json::to_string(&next).unwrap()).unwrap(), next);
    }
}
