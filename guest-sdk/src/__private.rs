//! What the code that `#[agent]` writes calls. Not for people: it changes without notice.

use crate::{Outcome, Task};
use std::error::Error;

#[cfg(target_family = "wasm")]
pub use crate::backend::{Adapter, bindings};

pub use crate::__export_agent as export_agent;

/// The agent of a component, with its error put into words.
pub trait Agent {
    /// Does the task.
    fn run(task: Task) -> Result<Outcome, String>;
}

/// Calls the author's function and puts its error, with the sources, into words.
///
/// Here the types behind the author's names are checked:
///
/// ```compile_fail
/// #[session_fs_sdk::agent]
/// fn run(_task: String) -> session_fs_sdk::Result<session_fs_sdk::Outcome> {
///     Ok(session_fs_sdk::Outcome::new(""))
/// }
/// ```
///
/// ```compile_fail
/// #[session_fs_sdk::agent]
/// fn run(_task: session_fs_sdk::Task) -> session_fs_sdk::Result<String> {
///     Ok(String::new())
/// }
/// ```
pub fn call<E: Into<Box<dyn Error>>>(
    run: fn(Task) -> Result<Outcome, E>,
    task: Task,
) -> Result<Outcome, String> {
    run(task).map_err(|error| chain(error.into().as_ref()))
}

/// Writes an error with its sources, from the outermost on.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

#[cfg(target_family = "wasm")]
#[doc(hidden)]
#[macro_export]
macro_rules! __export_agent {
    ($agent:ident) => {
        type Component = $crate::__private::Adapter<$agent>;
        $crate::__private::bindings::export_run!(
            Component with_types_in $crate::__private::bindings
        );
    };
}

// A native build exports nothing; naming the function checks its types and counts as a use.
#[cfg(not(target_family = "wasm"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __export_agent {
    ($agent:ident) => {
        const _: fn(
            $crate::Task,
        ) -> ::core::result::Result<$crate::Outcome, ::std::string::String> =
            <$agent as $crate::__private::Agent>::run;
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error as SdkError;

    #[test]
    fn an_error_is_told_with_its_sources() {
        let run = |_: Task| {
            let cause = SdkError::NotFound {
                path: "a".to_owned(),
            };
            Err::<Outcome, SdkError>(cause.context("reading the list").context("renaming"))
        };
        let text = call(run, Task::new("x")).expect_err("it fails");
        assert_eq!(
            text,
            "renaming: reading the list: `a` not found: check the path or create it first"
        );
    }

    #[test]
    fn a_text_is_an_error() {
        let text = call(|_| Err::<Outcome, &str>("no"), Task::new("x")).expect_err("it fails");
        assert_eq!(text, "no");
    }
}
