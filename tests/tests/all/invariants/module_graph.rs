//! Which file of a crate imports which, as the compiler resolves it: read from the syntax, not from the text.
//!
//! A module is a file. It imports another one when a path in it names an item that is defined there.
//! A re-export is followed to the definition, and is no import itself; neither is the declaration of a
//! child module. Test code is left out. What a method call reaches without naming it is not seen.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, ItemMod, ItemUse, UseTree, Visibility};

/// The files of one crate, by their paths.
#[derive(Default)]
pub(super) struct ModuleGraph {
    /// The files that each file imports, its own self left out.
    pub(super) imports: BTreeMap<PathBuf, BTreeSet<PathBuf>>,
}

impl ModuleGraph {
    /// The graph of the crate whose root is `root`, from the text of all its files.
    pub(super) fn of(root: &Path, files: &BTreeMap<PathBuf, String>) -> Self {
        let mut modules = Modules::default();
        modules.add_file(root, None, files);
        let mut graph = Self::default();
        for at in 0..modules.0.len() {
            let module = &modules.0[at];
            let imports = graph.imports.entry(module.file.clone()).or_default();
            let imported = module.uses.iter().filter(|import| !import.is_re_export);
            let paths = imported.map(|import| &import.path).chain(&module.paths);
            for path in paths {
                if let Some(Target::Item(place)) = modules.resolve(at, path, &mut Vec::new())
                    && modules.0[place].file != module.file
                {
                    imports.insert(modules.0[place].file.clone());
                }
            }
        }
        graph
    }

    /// The groups of two files and more that import each other in a circle.
    pub(super) fn circles(&self) -> Vec<BTreeSet<&Path>> {
        let reachable: BTreeMap<_, _> = self
            .imports
            .keys()
            .map(|file| (file.as_path(), self.reachable(file)))
            .collect();
        let circle = |file: &Path| -> BTreeSet<&Path> {
            let there = reachable[file].iter().copied();
            there
                .filter(|other| reachable[other].contains(file))
                .collect()
        };
        let circles: BTreeSet<_> = reachable.keys().map(|file| circle(file)).collect();
        circles
            .into_iter()
            .filter(|files| files.len() > 1)
            .collect()
    }

    /// What a file imports, and what that imports, and so on.
    fn reachable(&self, file: &Path) -> BTreeSet<&Path> {
        let mut found = BTreeSet::new();
        let mut next: Vec<&Path> = self.imports[file].iter().map(PathBuf::as_path).collect();
        while let Some(file) = next.pop() {
            if found.insert(file) {
                next.extend(self.imports[file].iter().map(PathBuf::as_path));
            }
        }
        found
    }
}

/// All modules of a crate, inline ones too; the first is its root.
#[derive(Default)]
struct Modules(Vec<Module>);

#[derive(Default)]
struct Module {
    file: PathBuf,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    /// The names of what is defined here.
    items: BTreeSet<String>,
    uses: Vec<Import>,
    /// The paths that its code names.
    paths: Vec<Vec<String>>,
}

/// One name that a `use` brings in.
struct Import {
    path: Vec<String>,
    /// `*` where all names are brought in.
    name: String,
    is_re_export: bool,
}

/// What a path leads to.
#[derive(Clone, Copy)]
enum Target {
    Module(usize),
    /// Something that is defined in this module.
    Item(usize),
}

impl Modules {
    fn add_file(
        &mut self,
        path: &Path,
        parent: Option<usize>,
        files: &BTreeMap<PathBuf, String>,
    ) -> usize {
        let text = files
            .get(path)
            .unwrap_or_else(|| panic!("{} is a file", path.display()));
        let parsed =
            syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let is_root = parent.is_none();
        let below = if is_root {
            path.with_file_name("")
        } else {
            path.with_extension("")
        };
        self.add(path, &below, parent, &parsed.items, files)
    }

    fn add(
        &mut self,
        file: &Path,
        below: &Path,
        parent: Option<usize>,
        items: &[Item],
        files: &BTreeMap<PathBuf, String>,
    ) -> usize {
        let at = self.0.len();
        self.0.push(Module {
            file: file.to_owned(),
            parent,
            ..Module::default()
        });
        let mut reader = Reader::default();
        for item in items {
            reader.visit_item(item);
        }
        let Reader {
            items,
            uses,
            paths,
            declared,
        } = reader;
        for module in declared {
            let name = module.ident.to_string();
            let below = below.join(&name);
            let child = match &module.content {
                Some((_, items)) => self.add(file, &below, Some(at), items, files),
                None => self.add_file(&below.with_extension("rs"), Some(at), files),
            };
            // Of several under conditions the first one counts.
            self.0[at].children.entry(name).or_insert(child);
        }
        let module = &mut self.0[at];
        (module.items, module.uses, module.paths) = (items, uses, paths);
        at
    }

    /// Where a path that is written in module `at` leads; nothing where that is another crate.
    fn resolve(
        &self,
        at: usize,
        path: &[String],
        seen: &mut Vec<(usize, String)>,
    ) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        let start = match first.as_str() {
            "crate" => Target::Module(0),
            "self" => Target::Module(at),
            "super" => Target::Module(self.0[at].parent?),
            name => self.look_up(at, name, rest.is_empty(), seen)?,
        };
        let mut target = start;
        for (index, name) in rest.iter().enumerate() {
            let Target::Module(module) = target else {
                break;
            };
            let is_last = index + 1 == rest.len();
            target = match name.as_str() {
                "self" | "*" => target,
                "super" => Target::Module(self.0[module].parent?),
                // What a macro makes is defined where it is called.
                _ => self
                    .look_up(module, name, is_last, seen)
                    .unwrap_or(Target::Item(module)),
            };
        }
        Some(target)
    }

    /// What a name means in a module. A module and an item can have the same one; it is the item that
    /// the end of a path means.
    fn look_up(
        &self,
        at: usize,
        name: &str,
        is_last: bool,
        seen: &mut Vec<(usize, String)>,
    ) -> Option<Target> {
        let module = &self.0[at];
        if let Some(child) = module.children.get(name).filter(|_| !is_last) {
            return Some(Target::Module(*child));
        }
        if module.items.contains(name) {
            return Some(Target::Item(at));
        }
        if seen.contains(&(at, name.to_owned())) {
            return None;
        }
        seen.push((at, name.to_owned()));
        let named = module.uses.iter().filter(|import| import.name == name);
        let mut found = named.filter_map(|import| self.resolve(at, &import.path, seen));
        if let Some(target) = found.next() {
            return Some(target);
        }
        for glob in module.uses.iter().filter(|import| import.name == "*") {
            let found = match self.resolve(at, &glob.path, seen) {
                Some(Target::Module(from)) => self.look_up(from, name, is_last, seen),
                // The variants of an enum.
                item => item,
            };
            if found.is_some() {
                return found;
            }
        }
        module.children.get(name).copied().map(Target::Module)
    }
}

/// Reads one module: its names, its imports and its paths.
#[derive(Default)]
struct Reader<'a> {
    items: BTreeSet<String>,
    uses: Vec<Import>,
    paths: Vec<Vec<String>>,
    declared: Vec<&'a ItemMod>,
}

impl<'a> Visit<'a> for Reader<'a> {
    fn visit_item(&mut self, item: &'a Item) {
        let (attributes, name): (&[Attribute], _) = match item {
            Item::Const(item) => (&item.attrs, Some(&item.ident)),
            Item::Enum(item) => (&item.attrs, Some(&item.ident)),
            Item::Fn(item) => (&item.attrs, Some(&item.sig.ident)),
            Item::Impl(item) => (&item.attrs, None),
            Item::Macro(item) => (&item.attrs, item.ident.as_ref()),
            Item::Mod(item) => (&item.attrs, None),
            Item::Static(item) => (&item.attrs, Some(&item.ident)),
            Item::Struct(item) => (&item.attrs, Some(&item.ident)),
            Item::Trait(item) => (&item.attrs, Some(&item.ident)),
            Item::Type(item) => (&item.attrs, Some(&item.ident)),
            Item::Use(item) => (&item.attrs, None),
            _ => (&[], None),
        };
        if is_for_tests(attributes) {
            return;
        }
        self.items.extend(name.map(ToString::to_string));
        visit::visit_item(self, item);
    }

    fn visit_impl_item(&mut self, item: &'a ImplItem) {
        let attributes: &[Attribute] = match item {
            ImplItem::Const(item) => &item.attrs,
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            _ => &[],
        };
        if !is_for_tests(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'a ItemMod) {
        self.declared.push(item);
    }

    fn visit_item_use(&mut self, item: &'a ItemUse) {
        let is_re_export = !matches!(item.vis, Visibility::Inherited);
        flatten(&item.tree, &mut Vec::new(), is_re_export, &mut self.uses);
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let segments = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string());
        self.paths.push(segments.collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'a syn::Macro) {
        self.visit_path(&called.path);
        paths_of(called.tokens.clone(), &mut self.paths);
    }
}

/// Takes a tree of imports apart.
fn flatten(tree: &UseTree, before: &mut Vec<String>, is_re_export: bool, uses: &mut Vec<Import>) {
    let mut import = |before: &[String], last: String, name: String| {
        let mut path = before.to_vec();
        path.push(last);
        uses.push(Import {
            path,
            name,
            is_re_export,
        });
    };
    match tree {
        UseTree::Path(tree) => {
            before.push(tree.ident.to_string());
            flatten(&tree.tree, before, is_re_export, uses);
            before.pop();
        }
        UseTree::Name(tree) if tree.ident == "self" => {
            let name = before.last().cloned().unwrap_or_default();
            import(before, "self".to_owned(), name);
        }
        UseTree::Name(tree) => import(before, tree.ident.to_string(), tree.ident.to_string()),
        UseTree::Rename(tree) => import(before, tree.ident.to_string(), tree.rename.to_string()),
        UseTree::Glob(_) => import(before, "*".to_owned(), "*".to_owned()),
        UseTree::Group(tree) => {
            for tree in &tree.items {
                flatten(tree, before, is_re_export, uses);
            }
        }
    }
}

/// Whatever looks like a path in what a macro is given.
fn paths_of(tokens: TokenStream, paths: &mut Vec<Vec<String>>) {
    let mut path = Vec::new();
    let (mut colons, mut is_member) = (0, false);
    for token in tokens {
        match token {
            TokenTree::Ident(name) if is_member => drop(name),
            TokenTree::Ident(name) => {
                if colons != 2 && !path.is_empty() {
                    paths.push(mem::take(&mut path));
                }
                path.push(name.to_string());
                colons = 0;
            }
            TokenTree::Punct(punct) if punct.as_char() == ':' => {
                colons += 1;
                continue;
            }
            other => {
                if let TokenTree::Group(group) = &other {
                    paths_of(group.stream(), paths);
                }
                if !path.is_empty() {
                    paths.push(mem::take(&mut path));
                }
                colons = 0;
                is_member = matches!(&other, TokenTree::Punct(punct) if punct.as_char() == '.');
                continue;
            }
        }
        is_member = false;
    }
    if !path.is_empty() {
        paths.push(path);
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Ident>()
                .is_ok_and(|condition| condition == "test")
    })
}

#[test]
fn circles_are_found_through_re_exports_and_in_macros() {
    let files = [
        (
            "lib.rs",
            "mod alone; mod face; mod high; mod low; pub use face::Inner;",
        ),
        (
            "face.rs",
            "mod inner; mod outer; pub use self::inner::Inner; pub use outer::*;",
        ),
        (
            "face/inner.rs",
            "pub struct Inner; #[cfg(test)] mod tests { use crate::high::High; }",
        ),
        (
            "face/outer.rs",
            "pub fn outer() { println!(\"{}\", crate::low::low()) }",
        ),
        ("low.rs", "use crate::face; pub fn low() { face::outer(); }"),
        (
            "high.rs",
            "use super::alone::N; pub struct High(crate::Inner);",
        ),
        (
            "alone.rs",
            "pub const N: u8 = 2; #[cfg(test)] use crate::high::High;",
        ),
    ];
    let files = files.map(|(path, text)| (PathBuf::from(path), text.to_owned()));
    let graph = ModuleGraph::of(Path::new("lib.rs"), &BTreeMap::from(files));
    let imports = |file: &str| Vec::from_iter(&graph.imports[Path::new(file)]);
    for file in ["lib.rs", "face.rs", "face/inner.rs", "alone.rs"] {
        assert_eq!(imports(file), Vec::<&PathBuf>::new(), "{file}");
    }
    let of_high = [Path::new("alone.rs"), Path::new("face/inner.rs")];
    assert_eq!(imports("high.rs"), of_high);
    let circle = BTreeSet::from([Path::new("face/outer.rs"), Path::new("low.rs")]);
    assert_eq!(graph.circles(), [circle]);
}
