//! Counts the core instances of a component, and estimates what the host stores for them.
//!
//! The bytes have not been validated, so everything that is kept of them is bounded.

use wasmparser::{
    BinaryReaderError, CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExternalKind,
    ComponentInstance, ComponentOuterAliasKind, ComponentTypeRef, ElementItems, Instance, Parser,
    Payload,
};

/// The core instances of one instance of a component.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Instances {
    pub(super) count: u32,
    /// An upper bound of what the host stores for them.
    pub(super) bytes: u64,
    /// Whether its components may pass each other strings as `latin1+utf16`: converting a memory
    /// full of UTF-8 takes a third of a second, ten times as long as any other instruction.
    pub(super) has_slow_transcoding: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum CountError {
    /// The bytes are not a component.
    Malformed,
    /// The component has more of these than the limit.
    TooMany(&'static str),
    /// The component instantiates something that it imports.
    Imported(&'static str),
}

impl From<BinaryReaderError> for CountError {
    fn from(_: BinaryReaderError) -> Self {
        Self::Malformed
    }
}

/// An index space of a component; `None` for entries that can't be known.
#[derive(Debug)]
struct IndexSpace<T> {
    what: &'static str,
    entries: Vec<Option<T>>,
}

impl<T: Copy> IndexSpace<T> {
    fn new(what: &'static str) -> Self {
        let entries = Vec::new();
        Self { what, entries }
    }

    fn push(&mut self, item: Option<T>) -> Result<(), CountError> {
        if self.entries.len() == MAX_INDEX {
            return Err(CountError::TooMany(self.what));
        }
        self.entries.push(item);
        Ok(())
    }

    fn get(&self, index: u32) -> Option<T> {
        self.entries.get(index as usize).copied().flatten()
    }

    /// The entry that is instantiated.
    fn instantiable(&self, index: u32) -> Result<T, CountError> {
        let singular = self.what.trim_end_matches('s');
        self.get(index).ok_or(CountError::Imported(singular))
    }
}

/// A component, or a module in one, while it is parsed.
struct Frame {
    is_module: bool,
    instances: Instances,
    components: IndexSpace<Instances>,
    /// The size of an instance of each core module.
    modules: IndexSpace<u64>,
    /// The size of the current module.
    entries: ModuleSize,
}

/// The parts of a core module that take space in each instance.
#[derive(Default)]
struct ModuleSize {
    imports: u64,
    functions: u64,
    globals: u64,
    /// Exports and elements of tables, which may refer to functions.
    references: u64,
}

pub(super) fn instances(wasm: &[u8]) -> Result<Instances, CountError> {
    let mut outer: Vec<Frame> = Vec::new();
    let mut frame = Frame::new(false);
    let (mut has_components, mut uses_compact_strings) = (false, false);
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            payload @ (Payload::ModuleSection { .. } | Payload::ComponentSection { .. }) => {
                let is_module = matches!(payload, Payload::ModuleSection { .. });
                has_components |= !is_module;
                outer.push(std::mem::replace(&mut frame, Frame::new(is_module)));
            }
            Payload::ComponentCanonicalSection(functions) => {
                for function in functions {
                    uses_compact_strings |= uses_compact_string(&function?);
                }
            }
            Payload::End(_) => {
                let Some(mut parent) = outer.pop() else {
                    break;
                };
                if frame.is_module {
                    parent.modules.push(Some(frame.entries.bytes()))?;
                } else {
                    parent.components.push(Some(frame.instances))?;
                }
                frame = parent;
            }
            payload => frame.add_section(payload, &outer)?,
        }
    }
    Ok(Instances {
        has_slow_transcoding: has_components && uses_compact_strings,
        ..frame.instances
    })
}

/// Whether a function of a component passes strings as `latin1+utf16`.
fn uses_compact_string(function: &CanonicalFunction) -> bool {
    match function {
        CanonicalFunction::Lift { options, .. } | CanonicalFunction::Lower { options, .. } => {
            options.contains(&CanonicalOption::CompactUTF16)
        }
        _ => false,
    }
}

impl Frame {
    fn new(is_module: bool) -> Self {
        Self {
            is_module,
            instances: Instances::default(),
            components: IndexSpace::new("components"),
            modules: IndexSpace::new("core modules"),
            entries: ModuleSize::default(),
        }
    }

    fn add_section(&mut self, payload: Payload<'_>, outer: &[Self]) -> Result<(), CountError> {
        match payload {
            Payload::InstanceSection(instances) => {
                for instance in instances {
                    if let Instance::Instantiate { module_index, .. } = instance? {
                        let bytes = self.modules.instantiable(module_index)?;
                        self.instances.add(1, bytes);
                    }
                }
            }
            Payload::ComponentInstanceSection(instances) => {
                for instance in instances {
                    if let ComponentInstance::Instantiate {
                        component_index, ..
                    } = instance?
                    {
                        let inner = self.components.instantiable(component_index)?;
                        self.instances.add(inner.count, inner.bytes);
                    }
                }
            }
            Payload::ComponentImportSection(imports) => {
                for import in imports {
                    match import?.ty {
                        ComponentTypeRef::Component(_) => self.components.push(None)?,
                        ComponentTypeRef::Module(_) => self.modules.push(None)?,
                        _ => {}
                    }
                }
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases {
                    self.add_alias(&alias?, outer)?;
                }
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    // An export creates a new index.
                    match export.kind {
                        ComponentExternalKind::Component => {
                            self.components.push(self.components.get(export.index))?;
                        }
                        ComponentExternalKind::Module => {
                            self.modules.push(self.modules.get(export.index))?;
                        }
                        _ => {}
                    }
                }
            }
            payload => self.entries.add_section(payload)?,
        }
        Ok(())
    }

    /// An alias creates a new index.
    fn add_alias(&mut self, alias: &ComponentAlias<'_>, outer: &[Self]) -> Result<(), CountError> {
        match *alias {
            ComponentAlias::Outer { kind, count, index } => {
                let depth = outer.len().checked_sub(count as usize);
                let frame = depth.map(|depth| outer.get(depth).unwrap_or(self));
                match kind {
                    ComponentOuterAliasKind::Component => {
                        let component = frame.and_then(|frame| frame.components.get(index));
                        self.components.push(component)
                    }
                    ComponentOuterAliasKind::CoreModule => {
                        let module = frame.and_then(|frame| frame.modules.get(index));
                        self.modules.push(module)
                    }
                    _ => Ok(()),
                }
            }
            ComponentAlias::InstanceExport { kind, .. } => match kind {
                ComponentExternalKind::Component => self.components.push(None),
                ComponentExternalKind::Module => self.modules.push(None),
                _ => Ok(()),
            },
            ComponentAlias::CoreInstanceExport { .. } => Ok(()),
        }
    }
}

impl ModuleSize {
    /// Counts a section of a core module.
    fn add_section(&mut self, payload: Payload<'_>) -> Result<(), CountError> {
        match payload {
            Payload::ImportSection(imports) => self.imports += u64::from(imports.count()),
            Payload::FunctionSection(functions) => self.functions += u64::from(functions.count()),
            Payload::GlobalSection(globals) => self.globals += u64::from(globals.count()),
            Payload::ExportSection(exports) => self.references += u64::from(exports.count()),
            Payload::ElementSection(segments) => {
                for segment in segments {
                    self.references += u64::from(match segment?.items {
                        ElementItems::Functions(items) => items.count(),
                        ElementItems::Expressions(_, items) => items.count(),
                    });
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// An upper bound of an instance's size: wasmtime stores something for each import, for each
    /// global, and for each function that can be referred to.
    fn bytes(&self) -> u64 {
        let functions = self.imports.saturating_add(self.functions);
        let references = self.references.saturating_add(self.globals);
        let entries = self.imports + self.globals + functions.min(references);
        entries * ENTRY_BYTES + INSTANCE_BYTES
    }
}

impl Instances {
    /// Saturates, because every sum beyond the limit is rejected.
    fn add(&mut self, count: u32, bytes: u64) {
        self.count = self.count.saturating_add(count);
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// The maximum number of components and of core modules in an index space. The validator has the
/// same limit, but has not seen the bytes yet.
pub(super) const MAX_INDEX: usize = 1000;
/// The maximum size of an import, a global or a function in an instance.
const ENTRY_BYTES: u64 = 32;
/// The base size of an instance.
const INSTANCE_BYTES: u64 = 512;
