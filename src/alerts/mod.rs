//! Takes the rules of the canvas and what `monitor` made of them; gives alerts, and says when to act on one.
//! Next: `collect` keeps and sends them, and takes the action. It never acts itself, and never twice in a cool-down.

mod alert;
mod watch;

pub use alert::{ActionState, Alert, AlertRule, AlertState};
pub use watch::{Change, DEFAULT_COOL_DOWN, INSIDE_WINDOWS, Watch};
