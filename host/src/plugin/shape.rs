//! The shape of a component: how many memories, tables and core instances one run of it makes.
//!
//! The instance pool holds every component to that, too; this holds where there is no pool, and
//! says so before anything is compiled.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind,
    ComponentTypeRef, Instance, Parser, Payload,
};
use wasmtime::component::Component;

use super::engine::{MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLES};
use super::load_error::LoadError;
use crate::check::Text;

/// Holds a compiled component to its memories and tables.
pub(super) fn check(component: &Component) -> Result<(), LoadError> {
    let Some(needs) = component.resources_required() else {
        return Err(types("it imports core modules"));
    };
    for (what, count, limit) in [
        ("memories", needs.num_memories, MAX_MEMORIES),
        ("tables", needs.num_tables, MAX_TABLES),
    ] {
        if count > limit {
            return Err(LoadError::Shape { what, count, limit });
        }
    }
    Ok(())
}

/// Holds the bytes of a component to its core instances, and to how deep its components lie in each
/// other, because the time to compile them grows with the square of that. What can't be parsed is left
/// to the compiler, which says more about it.
pub(super) fn check_instances(wasm: &[u8]) -> Result<(), LoadError> {
    if is_too_deep(wasm) {
        return Err(LoadError::Shape {
            what: "components in each other",
            count: MAX_NESTING + 1,
            limit: MAX_NESTING,
        });
    }
    match core_instances(wasm) {
        Ok(Some(Count(count))) if count > MAX_CORE_INSTANCES => Err(LoadError::Shape {
            what: "core instances",
            count,
            limit: MAX_CORE_INSTANCES,
        }),
        Ok(None) => Err(types(
            "it makes instances of a component that was handed to it, which can't be counted",
        )),
        Ok(Some(_)) | Err(_) => Ok(()),
    }
}

/// Whether components lie in each other more than [`MAX_NESTING`] deep.
fn is_too_deep(wasm: &[u8]) -> bool {
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload {
            Ok(Payload::Version { .. }) if depth == MAX_NESTING => return true,
            Ok(Payload::Version { .. }) => depth += 1,
            Ok(Payload::End(_)) => depth -= 1,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    false
}

fn types(why: &str) -> LoadError {
    LoadError::Types(Text::line(why, 512))
}

/// How many core instances come with one instance of a component.
#[derive(Clone, Copy, Default)]
struct Count(u32);

/// A component, or a module in one, while it is read.
#[derive(Default)]
struct Frame {
    is_module: bool,
    count: Count,
    /// Its components by index; nothing for one that can't be known here.
    components: Vec<Option<Count>>,
}

/// Nothing where it can't be told.
fn core_instances(wasm: &[u8]) -> wasmparser::Result<Option<Count>> {
    let mut outer: Vec<Frame> = Vec::new();
    let mut frame = Frame::default();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            payload @ (Payload::ModuleSection { .. } | Payload::ComponentSection { .. }) => {
                let inner = Frame {
                    is_module: matches!(payload, Payload::ModuleSection { .. }),
                    ..Frame::default()
                };
                outer.push(std::mem::replace(&mut frame, inner));
            }
            Payload::End(_) => {
                let Some(mut parent) = outer.pop() else {
                    break;
                };
                if !frame.is_module {
                    parent.components.push(Some(frame.count));
                }
                frame = parent;
            }
            payload => {
                if !frame.take_in(payload, &outer)? {
                    return Ok(None);
                }
            }
        }
    }
    Ok(Some(frame.count))
}

impl Frame {
    /// Takes a section in; answers whether everything in it can be counted.
    fn take_in(&mut self, payload: Payload<'_>, outer: &[Self]) -> wasmparser::Result<bool> {
        match payload {
            Payload::InstanceSection(instances) => {
                for instance in instances {
                    if let Instance::Instantiate { .. } = instance? {
                        self.count.add(Count(1));
                    }
                }
            }
            Payload::ComponentInstanceSection(instances) => {
                for instance in instances {
                    if let ComponentInstance::Instantiate {
                        component_index, ..
                    } = instance?
                    {
                        let Some(Some(count)) = self.components.get(component_index as usize)
                        else {
                            return Ok(false);
                        };
                        self.count.add(*count);
                    }
                }
            }
            Payload::ComponentImportSection(imports) => {
                for import in imports {
                    if let ComponentTypeRef::Component(_) = import?.ty {
                        self.components.push(None);
                    }
                }
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases {
                    self.take_in_alias(&alias?, outer);
                }
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    if export.kind == ComponentExternalKind::Component {
                        let component = self.components.get(export.index as usize);
                        self.components.push(component.copied().flatten());
                    }
                }
            }
            _ => {}
        }
        Ok(true)
    }

    /// An alias of a component gives it a further index.
    fn take_in_alias(&mut self, alias: &ComponentAlias<'_>, outer: &[Self]) {
        match *alias {
            ComponentAlias::Outer {
                kind: ComponentOuterAliasKind::Component,
                count,
                index,
            } => {
                let depth = outer.len().checked_sub(count as usize);
                let frame = depth.map(|depth| outer.get(depth).unwrap_or(self));
                let component = frame.and_then(|frame| frame.components.get(index as usize));
                self.components.push(component.copied().flatten());
            }
            ComponentAlias::InstanceExport {
                kind: ComponentExternalKind::Component,
                ..
            } => self.components.push(None),
            _ => {}
        }
    }
}

impl Count {
    /// More than fits is more than enough.
    fn add(&mut self, other: Self) {
        self.0 = self.0.saturating_add(other.0);
    }
}

/// How deep components may lie in each other, the outermost counted. Those that toolchains make are
/// fewer than ten.
const MAX_NESTING: u32 = 100;

#[cfg(test)]
mod tests;
