//! x
use proc_macro::TokenStream;
/// x
#[proc_macro_attribute]
pub fn script(_: TokenStream, item: TokenStream) -> TokenStream { item }
/// x
#[proc_macro_attribute]
pub fn trace(_: TokenStream, item: TokenStream) -> TokenStream { item }
