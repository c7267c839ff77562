//! The `#[agent]` attribute of `session-fs-sdk`, which re-exports it.
//!
//! It keeps the function as it is, so that unit tests call it, and adds the component's export
//! beside it. What it cannot see, the types behind the names, the compiler checks at the very same
//! place in a native build too.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as TokenStream2;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{FnArg, ItemFn, ReturnType};

/// Makes a function the agent of its component.
///
/// The function takes a `Task` and returns a `Result<Outcome, E>`, where `E` is the error of the
/// SDK, a text, or any error that `Box<dyn Error>` can hold. There is one agent to a component.
/// An `Err` ends the run as failed, with the error and its sources as the text for the person who
/// asked; a panic writes its message to the standard error and traps. Both roll the session back.
///
/// The package has to be called `session_fs_sdk` in the agent's manifest.
#[proc_macro_attribute]
pub fn agent(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let arguments = TokenStream2::from(arguments);
    let item = TokenStream2::from(item);
    let Ok(function) = syn::parse2::<ItemFn>(item.clone()) else {
        let fault = fault(&item, "only a function with its body is an agent");
        let fault = fault.map(|fault| fault.to_compile_error());
        return quote! { #item #fault }.into();
    };
    let export = match check(&arguments, &function) {
        None => export(&function),
        Some(fault) => fault.to_compile_error(),
    };
    quote! {
        #[allow(clippy::needless_pass_by_value, reason = "the contract hands the task over")]
        #function
        #export
    }
    .into()
}

/// Finds what keeps the function from being an agent.
fn check(arguments: &TokenStream2, function: &ItemFn) -> Option<syn::Error> {
    let signature = &function.sig;
    if !arguments.is_empty() {
        return fault(arguments, "`#[agent]` takes no arguments");
    }
    if let Some(token) = &signature.asyncness {
        return fault(token, "an agent is not `async`");
    }
    if let Some(token) = &signature.unsafety {
        return fault(token, "an agent is not `unsafe`");
    }
    if let Some(abi) = &signature.abi {
        return fault(abi, "an agent has no ABI of its own");
    }
    if !signature.generics.params.is_empty() {
        return fault(&signature.generics, "an agent is not generic");
    }
    if let Some(argument) = signature.inputs.iter().nth(1) {
        return fault(argument, "an agent takes the task and nothing else");
    }
    match signature.inputs.first() {
        None => return fault(&signature.ident, "an agent takes the task"),
        Some(FnArg::Receiver(receiver)) => {
            return fault(receiver, "an agent is a free function, not a method");
        }
        Some(FnArg::Typed(_)) => {}
    }
    match &signature.output {
        ReturnType::Default => fault(&signature.ident, "an agent returns its outcome"),
        ReturnType::Type(..) => None,
    }
}

fn fault(at: impl ToTokens, what: &str) -> Option<syn::Error> {
    let text = format!("{what}; an agent is `fn run(task: Task) -> Result<Outcome>`");
    Some(syn::Error::new_spanned(at, text))
}

/// The type check for every target and the export for components.
fn export(function: &ItemFn) -> TokenStream2 {
    let name = &function.sig.ident;
    // The spans put a mismatch of types at the signature and not at the attribute.
    let check = quote_spanned! { function.sig.output.span() =>
        ::session_fs_sdk::__private::call(#name, task)
    };
    quote! {
        const _: () = {
            enum Agent {}
            impl ::session_fs_sdk::__private::Agent for Agent {
                fn run(
                    task: ::session_fs_sdk::Task,
                ) -> ::core::result::Result<::session_fs_sdk::Outcome, ::std::string::String> {
                    #check
                }
            }
            ::session_fs_sdk::__private::export_agent!(Agent);
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    fn faults(arguments: &TokenStream2, function: &ItemFn) -> Option<String> {
        check(arguments, function).map(|fault| fault.to_string())
    }

    #[track_caller]
    fn check_fault(function: &ItemFn, expected: &str) {
        let fault = faults(&quote!(), function).expect("it cannot be an agent");
        assert!(fault.starts_with(expected), "{fault}");
        assert!(
            fault.ends_with("an agent is `fn run(task: Task) -> Result<Outcome>`"),
            "{fault}"
        );
    }

    #[test]
    fn misuse_is_named_with_the_signature_that_is_right() {
        check_fault(
            &parse_quote!(
                async fn run(task: Task) -> R {}
            ),
            "an agent is not `async`",
        );
        check_fault(
            &parse_quote!(
                unsafe fn run(task: Task) -> R {}
            ),
            "an agent is not `unsafe`",
        );
        check_fault(
            &parse_quote!(
                extern "C" fn run(task: Task) -> R {}
            ),
            "an agent has no ABI",
        );
        check_fault(
            &parse_quote!(
                fn run<T>(task: T) -> R {}
            ),
            "an agent is not generic",
        );
        check_fault(
            &parse_quote!(
                fn run() -> R {}
            ),
            "an agent takes the task;",
        );
        check_fault(
            &parse_quote!(
                fn run(task: Task, n: u8) -> R {}
            ),
            "an agent takes the task and",
        );
        check_fault(
            &parse_quote!(
                fn run(&self) -> R {}
            ),
            "an agent is a free function",
        );
        check_fault(
            &parse_quote!(
                fn run(task: Task) {}
            ),
            "an agent returns its outcome",
        );
    }

    #[test]
    fn arguments_of_the_attribute_are_refused() {
        let function = parse_quote!(
            fn run(task: Task) -> R {}
        );
        assert_eq!(faults(&quote!(), &function), None);
        let fault = faults(&quote!(name = "x"), &function).expect("it takes none");
        assert!(
            fault.starts_with("`#[agent]` takes no arguments"),
            "{fault}"
        );
    }
}
