//! The reference of the contract, generated from its WIT: the interfaces with their functions, types and
//! doc comments. It must not know what they mean.

use vitals_tests::repository;
use wit_parser::{
    Docs, Function, FunctionKind, Handle, Interface, InterfaceId, Resolve, Type, TypeDef,
    TypeDefKind, TypeId, TypeOwner, WorldKey,
};

use super::configuration::wrapped;
use super::rows::table;

/// The reference of all interfaces.
pub(super) fn reference() -> String {
    let mut resolve = Resolve::default();
    let package = resolve.push_source(WIT, &repository::read(WIT));
    let package = &resolve.packages[package.expect("it is valid")];
    let page = Page(&resolve);
    let mut sections = vec![paragraphs(&package.docs)];
    sections.extend(package.interfaces.values().map(|&id| page.interface(id)));
    sections.retain(|section| !section.is_empty());
    sections.join("\n") + "\n"
}

struct Page<'r>(&'r Resolve);

impl Page<'_> {
    fn interface(&self, id: InterfaceId) -> String {
        let interface = &self.0.interfaces[id];
        let name = name(interface);
        let mut parts = vec![
            format!("## Interface `{name}`\n"),
            paragraphs(&interface.docs),
            self.role(id),
        ];
        let functions = interface.functions.values();
        let (own, methods): (Vec<_>, Vec<_>) =
            functions.partition(|function| self.resource(function).is_none());
        parts.extend(own.into_iter().map(|it| self.function(name, it)));
        for &id in interface.types.values() {
            let resource = methods.iter().filter(|it| self.resource(it) == Some(id));
            parts.push(self.type_definition(name, &self.0.types[id]));
            parts.extend(resource.map(|it| self.function(name, it)));
        }
        parts.retain(|part| !part.is_empty());
        parts.join("\n")
    }

    /// What a plugin does with the functions of an interface.
    fn role(&self, id: InterfaceId) -> String {
        let mut worlds = self.0.worlds.iter();
        let key = WorldKey::Interface(id);
        if worlds.any(|(_, world)| world.exports.contains_key(&key)) {
            "A plugin exports this interface.\n".to_owned()
        } else if self.0.interfaces[id].functions.is_empty() {
            String::new()
        } else {
            "A plugin can import this interface.\n".to_owned()
        }
    }

    fn function(&self, interface: &str, function: &Function) -> String {
        let (kind, owner) = match function.kind {
            FunctionKind::Method(id) => ("Method", Some(id)),
            FunctionKind::Static(id) => ("Static function", Some(id)),
            FunctionKind::Constructor(id) => ("Constructor", Some(id)),
            _ => ("Function", None),
        };
        let owner = owner.and_then(|id| self.0.types[id].name.as_deref());
        let item = function.item_name();
        let path: Vec<_> = [Some(interface), owner, Some(item)]
            .into_iter()
            .flatten()
            .collect();
        // The first parameter of a method is the resource itself.
        let is_method = matches!(function.kind, FunctionKind::Method(_));
        let parameters = function.params.iter().skip(usize::from(is_method));
        let parameters: Vec<_> = parameters
            .map(|it| format!("{}: {}", it.name, self.text(&it.ty)))
            .collect();
        let result = function.result.as_ref();
        let result = result.map(|it| format!(" -> {}", self.text(it)));
        format!(
            "### {kind} `{}`\n\n```wit\n{item}: func({}){}\n```\n{}",
            path.join("."),
            parameters.join(", "),
            result.unwrap_or_default(),
            after_blank_line(paragraphs(&function.docs)),
        )
    }

    /// The definition of a type. Empty if it is that of another interface.
    fn type_definition(&self, interface: &str, definition: &TypeDef) -> String {
        let name = definition.name.as_deref().unwrap_or_default();
        let rows_of = |head, rows: Vec<_>| table(&[head, "type", "meaning"], &rows);
        let (kind, contents) = match &definition.kind {
            TypeDefKind::Type(Type::Id(_)) => return String::new(),
            TypeDefKind::Record(record) => {
                let fields = record.fields.iter();
                let rows = fields.map(|it| self.row(&it.name, Some(&it.ty), &it.docs));
                ("Record", rows_of("field", rows.collect()))
            }
            TypeDefKind::Variant(variant) => {
                let cases = variant.cases.iter();
                let rows = cases.map(|it| self.row(&it.name, it.ty.as_ref(), &it.docs));
                ("Variant", rows_of("case", rows.collect()))
            }
            TypeDefKind::Enum(of) => {
                let cases = of.cases.iter();
                let rows = cases.map(|it| self.row(&it.name, None, &it.docs));
                ("Enum", rows_of("case", rows.collect()))
            }
            TypeDefKind::Resource => ("Resource", String::new()),
            other => {
                let code = format!("```wit\ntype {name} = {}\n```\n", self.kind_text(other));
                ("Type", code)
            }
        };
        let mut parts = vec![
            format!("### {kind} `{interface}.{name}`\n"),
            paragraphs(&definition.docs),
            contents,
        ];
        parts.retain(|part| !part.is_empty());
        parts.join("\n")
    }

    fn row(&self, name: &str, of: Option<&Type>, docs: &Docs) -> Vec<String> {
        let about = docs.contents.as_deref().unwrap_or_default();
        let about: Vec<_> = about.split_whitespace().collect();
        let of = of.map(|of| self.linked(of)).unwrap_or_default();
        vec![format!("`{name}`"), of, about.join(" ")]
    }

    /// The text of a type, which leads to the first definition in it.
    fn linked(&self, of: &Type) -> String {
        let text = format!("`{}`", self.text(of));
        match self.defined_in(of) {
            Some(anchor) => format!("[{text}](#{anchor})"),
            None => text,
        }
    }

    /// The anchor of the first type in a type that has a definition on the page.
    fn defined_in(&self, of: &Type) -> Option<String> {
        let Type::Id(id) = of else { return None };
        let definition = &self.0.types[self.origin(*id)];
        let TypeOwner::Interface(owner) = definition.owner else {
            return match &definition.kind {
                TypeDefKind::Option(inner) | TypeDefKind::List(inner) => self.defined_in(inner),
                TypeDefKind::Tuple(tuple) => {
                    tuple.types.iter().find_map(|inner| self.defined_in(inner))
                }
                _ => None,
            };
        };
        let kind = match definition.kind {
            TypeDefKind::Record(_) => "record",
            TypeDefKind::Variant(_) => "variant",
            TypeDefKind::Enum(_) => "enum",
            TypeDefKind::Resource => "resource",
            _ => "type",
        };
        let interface = name(&self.0.interfaces[owner]);
        Some(format!("{kind}-{interface}{}", definition.name.as_deref()?))
    }

    /// The definition that a type was taken from with `use`.
    fn origin(&self, id: TypeId) -> TypeId {
        match self.0.types[id].kind {
            TypeDefKind::Type(Type::Id(other)) => self.origin(other),
            _ => id,
        }
    }

    /// The resource that a function belongs to.
    fn resource(&self, function: &Function) -> Option<TypeId> {
        match function.kind {
            FunctionKind::Method(id) | FunctionKind::Static(id) | FunctionKind::Constructor(id) => {
                Some(self.origin(id))
            }
            _ => None,
        }
    }

    /// A type as WIT writes it.
    fn text(&self, of: &Type) -> String {
        match of {
            Type::Id(id) => {
                let definition = &self.0.types[*id];
                let name = definition.name.clone();
                name.unwrap_or_else(|| self.kind_text(&definition.kind))
            }
            simple => {
                let known = SIMPLE.iter().find(|(known, _)| known == simple);
                known.expect("the page knows it").1.to_owned()
            }
        }
    }

    fn kind_text(&self, kind: &TypeDefKind) -> String {
        let optional = |of: &Option<Type>| of.as_ref().map_or("_".to_owned(), |it| self.text(it));
        match kind {
            TypeDefKind::Option(of) => format!("option<{}>", self.text(of)),
            TypeDefKind::List(of) => format!("list<{}>", self.text(of)),
            TypeDefKind::Tuple(tuple) => {
                let types: Vec<_> = tuple.types.iter().map(|it| self.text(it)).collect();
                format!("tuple<{}>", types.join(", "))
            }
            TypeDefKind::Result(of) => {
                format!("result<{}, {}>", optional(&of.ok), optional(&of.err))
            }
            TypeDefKind::Handle(Handle::Own(id)) => self.text(&Type::Id(*id)),
            TypeDefKind::Handle(Handle::Borrow(id)) => {
                format!("borrow<{}>", self.text(&Type::Id(*id)))
            }
            TypeDefKind::Type(of) => self.text(of),
            other => panic!("the page lacks {other:?}"),
        }
    }
}

fn name(interface: &Interface) -> &str {
    interface
        .name
        .as_deref()
        .expect("interfaces of a package have names")
}

/// A doc comment, wrapped.
fn paragraphs(docs: &Docs) -> String {
    let text = docs.contents.as_deref().unwrap_or_default();
    let paragraphs = text.split("\n\n").filter(|text| !text.trim().is_empty());
    let paragraphs: Vec<_> = paragraphs.map(|text| wrapped(text) + "\n").collect();
    paragraphs.join("\n")
}

fn after_blank_line(text: String) -> String {
    if text.is_empty() {
        text
    } else {
        format!("\n{text}")
    }
}

const WIT: &str = "wit/health.wit";
const SIMPLE: [(Type, &str); 13] = [
    (Type::Bool, "bool"),
    (Type::U8, "u8"),
    (Type::U16, "u16"),
    (Type::U32, "u32"),
    (Type::U64, "u64"),
    (Type::S8, "s8"),
    (Type::S16, "s16"),
    (Type::S32, "s32"),
    (Type::S64, "s64"),
    (Type::F32, "f32"),
    (Type::F64, "f64"),
    (Type::Char, "char"),
    (Type::String, "string"),
];
