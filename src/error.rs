//! One error for the whole kit: what happened, where, and what to do.

use std::fmt;

/// What kind of thing went wrong. [`ErrorKind::code`] is the stable name that JavaScript and `--json` show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The canvas file is not valid.
    InvalidCanvas,
    /// A data source could not be read, or its rows are not what the canvas says.
    InvalidData,
    /// A record does not fit the schema of the model.
    InvalidRecord,
    /// The model file cannot be read.
    InvalidModel,
    /// The model uses an operator that no engine here has.
    UnsupportedOperator,
    /// An input is missing, or has a name that the model does not know.
    WrongInput,
    /// A tensor has the wrong shape.
    WrongShape,
    /// A tensor has the wrong element type.
    WrongType,
    /// A file of a bundle does not match its hash.
    BundleCorrupt,
    /// A bundle is not in a format that this version reads.
    BundleFormat,
    /// A telemetry frame, or a receipt, is not valid.
    FrameInvalid,
    /// The engine failed while it ran.
    EngineFailed,
    /// A gate of the canvas was not passed.
    GateFailed,
    /// Reading or writing failed.
    Io,
    /// A peer could not be reached, or refused.
    Network,
    /// The command line was used wrongly.
    Usage,
    /// A defect of the kit itself.
    Internal,
}

impl ErrorKind {
    /// The stable name in kebab case, for example `wrong-shape`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::InvalidCanvas => "invalid-canvas",
            Self::InvalidData => "invalid-data",
            Self::InvalidRecord => "invalid-record",
            Self::InvalidModel => "invalid-model",
            Self::UnsupportedOperator => "unsupported-operator",
            Self::WrongInput => "wrong-input",
            Self::WrongShape => "wrong-shape",
            Self::WrongType => "wrong-type",
            Self::BundleCorrupt => "bundle-corrupt",
            Self::BundleFormat => "bundle-format",
            Self::FrameInvalid => "frame-invalid",
            Self::EngineFailed => "engine-failed",
            Self::GateFailed => "gate-failed",
            Self::Io => "io",
            Self::Network => "network",
            Self::Usage => "usage",
            Self::Internal => "internal",
        }
    }
}

/// Where an error happened. Every field that is known is printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// A file, with its line where one is known: `canvas.toml:12`.
    pub place: Option<String>,
    /// The model, or the bundle, by name.
    pub model: Option<String>,
    /// A feature, a tensor or a node, by name.
    pub item: Option<String>,
    /// A row, counted from 1 without the header.
    pub row: Option<usize>,
}

/// An error with its kind, a sentence that says what happened, where, and what to do about it.
///
/// ```
/// use nearside::{Error, ErrorKind};
/// let error = Error::new(ErrorKind::WrongShape, "4 columns where the model takes 5")
///     .item("x")
///     .help("send one value per feature, in the order of `inputs`");
/// assert_eq!(error.kind(), ErrorKind::WrongShape);
/// assert_eq!(error.to_string(), "x: 4 columns where the model takes 5; send one value per feature, in the order of `inputs`");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    detail: Box<Detail>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Detail {
    kind: ErrorKind,
    message: String,
    context: Context,
    help: Option<String>,
}

/// The result of everything in the kit that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error that says what happened.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let detail = Detail { kind, message: message.into(), context: Context::default(), help: None };
        Self { detail: Box::new(detail) }
    }

    /// Adds the file (and line) it happened in. A place that is already known stays: it is the nearer one.
    pub fn place(mut self, place: impl fmt::Display) -> Self {
        self.detail.context.place.get_or_insert_with(|| place.to_string());
        self
    }

    /// Adds the model or bundle that it concerns.
    pub fn model(mut self, model: impl fmt::Display) -> Self {
        self.detail.context.model.get_or_insert_with(|| model.to_string());
        self
    }

    /// Adds the feature, tensor, node or key that it concerns.
    pub fn item(mut self, item: impl fmt::Display) -> Self {
        self.detail.context.item.get_or_insert_with(|| item.to_string());
        self
    }

    /// Adds the row that it concerns, counted from 1.
    pub fn row(mut self, row: usize) -> Self {
        self.detail.context.row.get_or_insert(row);
        self
    }

    /// Adds what the reader can do about it.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.detail.help.get_or_insert_with(|| help.into());
        self
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.detail.kind
    }

    /// Where it happened.
    pub fn context(&self) -> &Context {
        &self.detail.context
    }

    /// What happened, without the place and the help.
    pub fn message(&self) -> &str {
        &self.detail.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Context { place, model, item, row } = &self.detail.context;
        if let Some(place) = place {
            write!(f, "{place}: ")?;
        }
        if let Some(model) = model {
            write!(f, "model {model}: ")?;
        }
        if let Some(row) = row {
            write!(f, "row {row}: ")?;
        }
        if let Some(item) = item {
            write!(f, "{item}: ")?;
        }
        f.write_str(&self.detail.message)?;
        if let Some(help) = &self.detail.help {
            write!(f, "; {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(not(target_arch = "wasm32"))]
impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::new(ErrorKind::Io, error.to_string())
    }
}
