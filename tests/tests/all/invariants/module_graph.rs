//! Which file of a crate imports which, read from its syntax.
//!
//! A file imports another one if a path in it names an item that is defined there. A re-export is
//! followed to the definition and is no import itself, nor is the declaration of a child module. Test
//! code is left out. Methods that are called without naming their type are not seen.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{Spacing, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItemFn, Item, ItemMod, ItemUse, UseTree, Visibility};

/// The files of one crate.
#[derive(Default)]
pub(super) struct ModuleGraph {
    /// The other files that each file imports.
    pub(super) imports: BTreeMap<PathBuf, BTreeSet<PathBuf>>,
}

impl ModuleGraph {
    /// The graph of the crate with this root, from the text of all its files.
    pub(super) fn of(root: &Path, files: &BTreeMap<PathBuf, String>) -> Self {
        let mut modules = Modules::default();
        modules.add_file(root, None, files);
        let mut graph = Self::default();
        for (at, module) in modules.0.iter().enumerate() {
            let imports = graph.imports.entry(module.file.clone()).or_default();
            let imported = module.uses.iter().filter(|import| !import.is_re_export);
            for path in imported.map(|import| &import.path).chain(&module.paths) {
                if let Some(Target::Item(place)) = modules.resolve(at, path, &mut Vec::new())
                    && modules.0[place].file != module.file
                {
                    imports.insert(modules.0[place].file.clone());
                }
            }
        }
        graph
    }

    /// The files that import themselves through others.
    pub(super) fn files_in_circles(&self) -> Vec<&Path> {
        let files = self.imports.keys().map(PathBuf::as_path);
        files.filter(|file| self.reaches_itself(file)).collect()
    }

    fn reaches_itself(&self, file: &Path) -> bool {
        let mut found = BTreeSet::new();
        let mut next: Vec<&PathBuf> = self.imports[file].iter().collect();
        while let Some(file) = next.pop() {
            if found.insert(file) {
                next.extend(&self.imports[file]);
            }
        }
        found.iter().any(|other| other.as_path() == file)
    }
}

/// All modules of a crate, inline ones too. The first one is the root.
#[derive(Default)]
struct Modules(Vec<Module>);

#[derive(Default)]
struct Module {
    file: PathBuf,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    /// The names of the items that are defined here.
    items: BTreeSet<String>,
    uses: Vec<Import>,
    /// The paths in its code.
    paths: Vec<Vec<String>>,
}

/// A name that a `use` imports.
struct Import {
    path: Vec<String>,
    /// `*` if all names are imported.
    name: String,
    is_re_export: bool,
}

/// What a path leads to.
#[derive(Clone, Copy)]
enum Target {
    Module(usize),
    /// An item that is defined in this module.
    Item(usize),
}

impl Modules {
    fn add_file(
        &mut self,
        path: &Path,
        parent: Option<usize>,
        files: &BTreeMap<PathBuf, String>,
    ) -> usize {
        let text = files.get(path);
        let text = text.unwrap_or_else(|| panic!("{} is a file", path.display()));
        let parsed = syn::parse_file(text).expect("the compiler accepts it");
        // The modules of the root are beside it.
        let below = match parent {
            None => path.with_file_name(""),
            Some(_) => path.with_extension(""),
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
        let mut module = Module {
            file: file.to_owned(),
            parent,
            ..Module::default()
        };
        for item in items {
            module.visit_item(item);
        }
        self.0.push(module);
        for item in items {
            let Item::Mod(module) = item else { continue };
            if is_for_tests(&module.attrs) {
                continue;
            }
            let name = module.ident.to_string();
            let below = below.join(&name);
            let child = match &module.content {
                Some((_, items)) => self.add(file, &below, Some(at), items, files),
                None => self.add_file(&below.with_extension("rs"), Some(at), files),
            };
            // Of several modules under conditions, the first one counts.
            self.0[at].children.entry(name).or_insert(child);
        }
        at
    }

    /// Where a path in module `at` leads, or `None` if it leads to another crate.
    fn resolve(
        &self,
        at: usize,
        path: &[String],
        seen: &mut Vec<(usize, String)>,
    ) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        let mut target = match first.as_str() {
            "crate" => Target::Module(0),
            "self" => Target::Module(at),
            "super" => Target::Module(self.0[at].parent?),
            name => self.look_up(at, name, rest.is_empty(), seen)?,
        };
        for (index, name) in rest.iter().enumerate() {
            let Target::Module(module) = target else {
                break;
            };
            let is_last = index + 1 == rest.len();
            target = match name.as_str() {
                "self" | "*" => target,
                "super" => Target::Module(self.0[module].parent?),
                // A macro defines its items where it is called.
                _ => self
                    .look_up(module, name, is_last, seen)
                    .unwrap_or(Target::Item(module)),
            };
        }
        Some(target)
    }

    /// What a name means in a module. If a module and an item share it, it means the item at the end
    /// of a path.
    fn look_up(
        &self,
        at: usize,
        name: &str,
        is_last: bool,
        seen: &mut Vec<(usize, String)>,
    ) -> Option<Target> {
        let module = &self.0[at];
        let child = module.children.get(name).copied().map(Target::Module);
        if child.is_some() && !is_last {
            return child;
        }
        if module.items.contains(name) {
            return Some(Target::Item(at));
        }
        if seen.contains(&(at, name.to_owned())) {
            return None;
        }
        seen.push((at, name.to_owned()));
        let mut named = module.uses.iter().filter(|import| import.name == name);
        if let Some(found) = named.find_map(|import| self.resolve(at, &import.path, seen)) {
            return Some(found);
        }
        let mut globs = module.uses.iter().filter(|import| import.name == "*");
        let found = globs.find_map(|glob| match self.resolve(at, &glob.path, seen) {
            Some(Target::Module(from)) => self.look_up(from, name, is_last, seen),
            // The variants of an enum.
            item => item,
        });
        found.or(child)
    }
}

impl<'a> Visit<'a> for Module {
    fn visit_item(&mut self, item: &'a Item) {
        let (attributes, name): (&[Attribute], _) = match item {
            Item::Const(item) => (&item.attrs, Some(&item.ident)),
            Item::Enum(item) => (&item.attrs, Some(&item.ident)),
            Item::Fn(item) => (&item.attrs, Some(&item.sig.ident)),
            Item::Impl(item) => (&item.attrs, None),
            Item::Macro(item) => (&item.attrs, item.ident.as_ref()),
            Item::Static(item) => (&item.attrs, Some(&item.ident)),
            Item::Struct(item) => (&item.attrs, Some(&item.ident)),
            Item::Trait(item) => (&item.attrs, Some(&item.ident)),
            Item::Type(item) => (&item.attrs, Some(&item.ident)),
            Item::Use(item) => (&item.attrs, None),
            _ => (&[], None),
        };
        if !is_for_tests(attributes) {
            self.items.extend(name.map(ToString::to_string));
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'a ImplItemFn) {
        if !is_for_tests(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_mod(&mut self, _: &'a ItemMod) {
        // It is a module of its own.
    }

    fn visit_item_use(&mut self, item: &'a ItemUse) {
        let is_re_export = !matches!(item.vis, Visibility::Inherited);
        flatten(&item.tree, &mut Vec::new(), is_re_export, &mut self.uses);
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let segments = path.segments.iter().map(|it| it.ident.to_string());
        self.paths.push(segments.collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'a syn::Macro) {
        self.visit_path(&called.path);
        self.paths.extend(paths_of(called.tokens.clone()));
    }
}

/// Flattens a tree of imports.
fn flatten(tree: &UseTree, before: &mut Vec<String>, is_re_export: bool, uses: &mut Vec<Import>) {
    let (last, name) = match tree {
        UseTree::Path(tree) => {
            before.push(tree.ident.to_string());
            flatten(&tree.tree, before, is_re_export, uses);
            before.pop();
            return;
        }
        UseTree::Group(tree) => {
            for tree in &tree.items {
                flatten(tree, before, is_re_export, uses);
            }
            return;
        }
        UseTree::Name(tree) if tree.ident == "self" => (
            "self".to_owned(),
            before.last().cloned().unwrap_or_default(),
        ),
        UseTree::Name(tree) => (tree.ident.to_string(), tree.ident.to_string()),
        UseTree::Rename(tree) => (tree.ident.to_string(), tree.rename.to_string()),
        UseTree::Glob(_) => ("*".to_owned(), "*".to_owned()),
    };
    let path = [&before[..], &[last]].concat();
    uses.push(Import {
        path,
        name,
        is_re_export,
    });
}

/// Whatever looks like a path in the arguments of a macro. Members behind a dot do not.
fn paths_of(tokens: TokenStream) -> Vec<Vec<String>> {
    let mut paths: Vec<Vec<String>> = Vec::new();
    let mut before = String::new();
    for token in tokens {
        match token {
            TokenTree::Ident(name) if before == "::" => {
                paths.last_mut().expect("a segment").push(name.to_string());
            }
            TokenTree::Ident(name) if before != "." => paths.push(vec![name.to_string()]),
            TokenTree::Group(group) => paths.extend(paths_of(group.stream())),
            TokenTree::Punct(punct) if before == ":" && punct.as_char() == ':' => {
                "::".clone_into(&mut before);
                continue;
            }
            TokenTree::Punct(punct)
                if punct.spacing() == Spacing::Joint || punct.as_char() == '.' =>
            {
                before = punct.to_string();
                continue;
            }
            _ => {}
        }
        before.clear();
    }
    paths
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let condition = attribute.parse_args::<syn::Ident>();
        attribute.path().is_ident("cfg") && condition.is_ok_and(|it| it == "test")
    })
}
