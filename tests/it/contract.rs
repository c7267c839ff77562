//! The contract in `wit/` parses, with and without what is unstable, and says what each item is.

use wit_parser::{Docs, Resolve, TypeDefKind, WorldItem};

use crate::tidy::root;

/// The package with every interface, also those that are not offered yet.
fn contract(all_features: bool) -> Resolve {
    let mut resolve = Resolve {
        all_features,
        ..Resolve::default()
    };
    let pushed = resolve.push_dir(root().join("wit"));
    pushed.expect("wit/ is a package with its dependencies");
    resolve
}

/// Every item of our own package without a word on what it is.
fn undocumented(resolve: &Resolve) -> Vec<String> {
    let mut items: Vec<(String, &Docs)> = Vec::new();
    let ours = |package: Option<wit_parser::PackageId>| {
        package.is_some_and(|id| resolve.packages[id].name.namespace == "session-fs")
    };
    for (_, world) in resolve
        .worlds
        .iter()
        .filter(|(_, world)| ours(world.package))
    {
        items.push((format!("world {}", world.name), &world.docs));
        for item in world.exports.values() {
            if let WorldItem::Function(function) = item {
                items.push((format!("{}.{}", world.name, function.name), &function.docs));
            }
        }
    }
    for (_, interface) in resolve.interfaces.iter() {
        let Some(name) = interface.name.as_ref().filter(|_| ours(interface.package)) else {
            continue;
        };
        items.push((format!("interface {name}"), &interface.docs));
        for (function_name, function) in &interface.functions {
            items.push((format!("{name}.{function_name}"), &function.docs));
        }
        for (type_name, id) in &interface.types {
            let definition = &resolve.types[*id];
            let is_use = matches!(definition.kind, TypeDefKind::Type(_))
                && definition.docs.contents.is_none();
            if is_use {
                continue;
            }
            items.push((format!("{name}.{type_name}"), &definition.docs));
            if let TypeDefKind::Variant(variant) = &definition.kind {
                let cases = variant.cases.iter();
                items.extend(cases.map(|c| (format!("{name}.{type_name}.{}", c.name), &c.docs)));
            }
        }
    }
    assert!(items.len() > 20, "the contract was not found");
    let silent = items
        .into_iter()
        .filter(|(_, docs)| docs.contents.is_none());
    silent.map(|(name, _)| name).collect()
}

#[test]
fn every_item_says_what_it_is() {
    assert_eq!(undocumented(&contract(true)), Vec::<String>::new());
}

#[test]
fn what_is_unstable_has_its_place_and_is_not_offered() {
    let names = |resolve: &Resolve| -> Vec<String> {
        let names = resolve
            .interfaces
            .iter()
            .filter_map(|(_, i)| i.name.clone());
        names.collect()
    };
    let (all, offered) = (names(&contract(true)), names(&contract(false)));
    for unstable in ["history", "artifacts", "dispatch"] {
        assert!(
            all.iter().any(|name| name == unstable),
            "{unstable} has no place"
        );
        assert!(
            !offered.iter().any(|name| name == unstable),
            "{unstable} is offered"
        );
    }
    assert!(offered.iter().any(|name| name == "session-fs"));
}
