//! The address space of one machine, typed after the companion models.
//!
//! ```text
//! Objects
//! ├─ Machines (OPC 40001-1) ──────┐ organizes
//! └─ Machine ◄────────────────────┘ browse name: the machine's name; node id: "Machine" for every machine
//!    ├─ Identification              MachineIdentificationType, properties of OPC 10000-100
//!    ├─ Spindle                     one object for each name of a node's path
//!    │  ├─ Load                     a point: AnalogUnitRangeType with unit and ranges
//!    │  ├─ SetSpeed(Value)          its method
//!    │  └─ Waveform                 an array, with its rate and its unit
//!    └─ Control ...
//! ```
//!
//! Of the Devices and Machinery namespaces only the nodes in use are there, as their `IsNamespaceSubset` says.

use std::collections::{BTreeMap, BTreeSet};

use aegis_models::Profile;
use aegis_models::profile::{BurstSpec, DataType, OpcuaLayout, PointSpec, Role};
use opcua::nodes::{
    AccessLevel, EventNotifier, MethodBuilder, ObjectBuilder, ObjectTypeBuilder, ReferenceDirection,
    VariableBuilder,
};
use opcua::server::address_space::AddressSpace;
use opcua::server::diagnostics::NamespaceMetadata;
use opcua::types::{
    Argument, DataTypeId, EnumValueType, ExtensionObject, IdType, LocalizedText, NodeId, ObjectId,
    ObjectTypeId, QualifiedName, Range, ReferenceTypeId, VariableTypeId, Variant, VariantScalarTypeId,
};

use super::binding::{Binding, Deed, Place, name, object};
use super::wave::{SAMPLE_RATE, Wave};
use super::{units, values};

/// OPC 10000-100, Devices.
const DEVICES: &str = "http://opcfoundation.org/UA/DI/";
/// OPC 40001-1, Machinery.
const MACHINERY: &str = "http://opcfoundation.org/UA/Machinery/";

/// Numbers of nodes in the published node sets of those two.
const FUNCTIONAL_GROUP_TYPE: u32 = 1005;
const MACHINES: u32 = 1001;
const MACHINERY_ITEM_IDENTIFICATION_TYPE: u32 = 1004;
const MACHINE_IDENTIFICATION_TYPE: u32 = 1012;

/// What tells one machine of a kind from another.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) name: String,
    pub(super) serial: String,
    pub(super) instance_uri: String,
}

/// Where the machine's nodes are.
#[derive(Debug)]
pub(super) struct Space {
    /// Index of the machine's own namespace.
    pub(super) namespace: u16,
    pub(super) metadata: Vec<NamespaceMetadata>,
    pub(super) machine: NodeId,
    /// The variables of the binding's places.
    pub(super) variables: Vec<NodeId>,
    /// The variables that hold the name of a state's value, for each place.
    pub(super) texts: Vec<Option<NodeId>>,
    /// The variables of the binding's waveforms.
    pub(super) waves: Vec<NodeId>,
    states: Vec<BTreeMap<u64, String>>,
}

impl Space {
    /// The name of a state's value; its digits when it has none.
    pub(super) fn state_name(&self, i: usize, value: f64) -> LocalizedText {
        let known = self.states[i].get(&(value as u64));
        known.map_or_else(
            || LocalizedText::from(format!("{value}").as_str()),
            |n| LocalizedText::from(n.as_str()),
        )
    }

    /// Builds the nodes. `index_of` registers a namespace with the server and gives its index.
    pub(super) fn build(
        profile: &Profile,
        binding: &Binding,
        identity: &Identity,
        nodes: &mut AddressSpace,
        index_of: impl FnMut(&str) -> u16,
    ) -> Space {
        let uris = [binding.namespace(), DEVICES, MACHINERY];
        let [own, devices, machinery] = uris.map(index_of);
        let metadata = [own, devices, machinery].into_iter().zip(uris).map(|(index, uri)| {
            nodes.add_namespace(uri, index);
            let kind = if index == own { IdType::String } else { IdType::Numeric };
            NamespaceMetadata {
                namespace_uri: uri.to_owned(),
                namespace_index: index,
                is_namespace_subset: Some(index != own),
                static_node_id_types: Some(vec![kind]),
                ..NamespaceMetadata::default()
            }
        });
        let metadata = metadata.collect();
        let mut build = Build { nodes, own, devices, machinery };
        let machine = build.machine(profile, identity);
        build.objects(binding, &machine);
        let mut space = Space {
            namespace: own,
            metadata,
            machine,
            variables: Vec::new(),
            texts: Vec::new(),
            waves: Vec::new(),
            states: Vec::new(),
        };
        for place in binding.places() {
            let spec = profile.point(place.point);
            let states = state_names(profile, spec);
            let (variable, text) = build.variable(place, spec, &states, &space.machine);
            space.variables.push(variable);
            space.texts.push(text);
            space.states.push(states);
        }
        for wave in binding.waves() {
            let spec = &profile.bursts[usize::from(wave.kind)];
            space.waves.push(build.wave(wave, spec, &space.machine));
        }
        for (method, deed) in binding.methods() {
            build.method(method, *deed, binding, profile, &space.machine);
        }
        space
    }
}

/// The names of a point's values, when it is the one that says what the machine is doing.
fn state_names(profile: &Profile, spec: &PointSpec) -> BTreeMap<u64, String> {
    let regime = profile.regime.as_ref().filter(|r| r.point == spec.id && spec.data != DataType::F32);
    let names = regime.into_iter().flat_map(|r| &r.names);
    names.filter_map(|(value, name)| Some((value.parse().ok()?, name.clone()))).collect()
}

struct Build<'a> {
    nodes: &'a mut AddressSpace,
    own: u16,
    devices: u16,
    machinery: u16,
}

impl Build<'_> {
    fn id(&self, node: &str) -> NodeId {
        NodeId::new(self.own, node)
    }

    fn parent(&self, node: &str, machine: &NodeId) -> NodeId {
        object(node).map_or_else(|| machine.clone(), |o| self.id(o))
    }

    /// The machine, among Machines and with its identification (OPC 40001-1, 8 and 12).
    fn machine(&mut self, profile: &Profile, identity: &Identity) -> NodeId {
        let machines = NodeId::new(self.machinery, MACHINES);
        ObjectBuilder::new(&machines, QualifiedName::new(self.machinery, "Machines"), "Machines")
            .has_type_definition(ObjectTypeId::FolderType)
            .organized_by(ObjectId::ObjectsFolder)
            .insert(self.nodes);
        let id = self.id("Machine");
        ObjectBuilder::new(&id, QualifiedName::new(self.own, identity.name.as_str()), identity.name.as_str())
            .description(profile.title.as_str())
            .event_notifier(EventNotifier::SUBSCRIBE_TO_EVENTS | EventNotifier::HISTORY_READ)
            .has_type_definition(ObjectTypeId::BaseObjectType)
            .organized_by(ObjectId::ObjectsFolder)
            .organized_by(machines)
            .reference(ObjectId::Server, ReferenceTypeId::HasNotifier, ReferenceDirection::Inverse)
            .insert(self.nodes);
        if let Some(layout) = &profile.opcua {
            self.identification(&id, layout, identity);
        }
        id
    }

    fn identification(&mut self, machine: &NodeId, layout: &OpcuaLayout, identity: &Identity) {
        let (devices, machinery) = (self.devices, self.machinery);
        let chain = [
            (devices, FUNCTIONAL_GROUP_TYPE, "FunctionalGroupType"),
            (machinery, MACHINERY_ITEM_IDENTIFICATION_TYPE, "MachineryItemIdentificationType"),
            (machinery, MACHINE_IDENTIFICATION_TYPE, "MachineIdentificationType"),
        ];
        let mut base: NodeId = ObjectTypeId::FolderType.into();
        for (namespace, number, name) in chain {
            let id = NodeId::new(namespace, number);
            ObjectTypeBuilder::new(&id, QualifiedName::new(namespace, name), name)
                .subtype_of(base)
                .insert(self.nodes);
            base = id;
        }
        let id = self.id("Identification");
        ObjectBuilder::new(&id, QualifiedName::new(devices, "Identification"), "Identification")
            .has_type_definition(base)
            .reference(machine.clone(), ReferenceTypeId::HasAddIn, ReferenceDirection::Inverse)
            .insert(self.nodes);
        let text = |text: &str| (DataTypeId::LocalizedText, Variant::from(LocalizedText::from(text)));
        let string = |text: &str| (DataTypeId::String, Variant::from(text));
        let properties = [
            ("Manufacturer", text(&layout.manufacturer)),
            ("Model", text(&layout.model)),
            ("SerialNumber", string(&identity.serial)),
            ("ProductInstanceUri", string(&identity.instance_uri)),
            ("DeviceClass", string(&layout.device_class)),
        ];
        for (name, (data_type, value)) in properties {
            let property = self.id(&format!("Identification.{name}"));
            self.property(&property, QualifiedName::new(devices, name), &id, data_type, value);
        }
    }

    fn property(
        &mut self,
        id: &NodeId,
        name: QualifiedName,
        of: &NodeId,
        data_type: DataTypeId,
        value: Variant,
    ) {
        let rank = if matches!(value, Variant::Array(_)) { 1 } else { -1 };
        let shown = name.name.to_string();
        let mut builder = VariableBuilder::new(id, name, shown)
            .has_type_definition(VariableTypeId::PropertyType)
            .data_type(data_type)
            .value_rank(rank)
            .value(value)
            .property_of(of.clone());
        if rank == 1 {
            builder = builder.array_dimensions(&[0]);
        }
        builder.insert(self.nodes);
    }

    /// An object for every name on the way to a node.
    fn objects(&mut self, binding: &Binding, machine: &NodeId) {
        let places = binding.places().iter().map(|p| p.node.as_str());
        let mut paths = BTreeSet::new();
        let waves = binding.waves().iter().map(|w| w.node.as_str());
        for node in places.chain(waves).chain(binding.methods().keys().map(String::as_str)) {
            let mut above = object(node);
            while let Some(path) = above {
                paths.insert(path);
                above = object(path);
            }
        }
        for path in paths {
            ObjectBuilder::new(&self.id(path), QualifiedName::new(self.own, name(path)), name(path))
                .has_type_definition(ObjectTypeId::BaseObjectType)
                .component_of(self.parent(path, machine))
                .insert(self.nodes);
        }
    }

    /// A point (Part 8, 5.3), and where the name of its value stands if it has one.
    fn variable(
        &mut self,
        place: &Place,
        spec: &PointSpec,
        states: &BTreeMap<u64, String>,
        machine: &NodeId,
    ) -> (NodeId, Option<NodeId>) {
        let id = self.id(&place.node);
        let kind = match (place.data, place.role) {
            (DataType::Bool, _) => VariableTypeId::TwoStateDiscreteType,
            (_, Role::State) if !states.is_empty() => VariableTypeId::MultiStateValueDiscreteType,
            _ if spec.unit.is_empty() => VariableTypeId::AnalogItemType,
            _ => VariableTypeId::AnalogUnitRangeType,
        };
        let mut access = AccessLevel::CURRENT_READ | AccessLevel::HISTORY_READ;
        if place.writable {
            access |= AccessLevel::CURRENT_WRITE;
        }
        let name = name(&place.node);
        VariableBuilder::new(&id, QualifiedName::new(self.own, name), name)
            .description(spec.doc.as_str())
            .has_type_definition(kind)
            .data_type(values::data_type_id(place.data))
            .value_rank(-1)
            .access_level(access)
            .user_access_level(access)
            .historizing(true)
            .minimum_sampling_interval(place.period.0.as_secs_f64() * 1e3)
            .component_of(self.parent(&place.node, machine))
            .insert(self.nodes);
        let mut add = |name: &str, data_type: DataTypeId, value: Variant| {
            let property = NodeId::new(self.own, format!("{}.{name}", place.node));
            self.property(&property, QualifiedName::new(0, name), &id, data_type, value);
            property
        };
        add("Definition", DataTypeId::String, Variant::from(spec.doc.as_str()));
        let mut text = None;
        match kind {
            VariableTypeId::TwoStateDiscreteType => {
                add("FalseState", DataTypeId::LocalizedText, Variant::from(LocalizedText::from("off")));
                add("TrueState", DataTypeId::LocalizedText, Variant::from(LocalizedText::from("on")));
            }
            VariableTypeId::MultiStateValueDiscreteType => {
                add("EnumValues", DataTypeId::EnumValueType, enum_values(states));
                let none = Variant::from(LocalizedText::null());
                text = Some(add("ValueAsText", DataTypeId::LocalizedText, none));
            }
            _ => {
                let [low, high] = spec.range;
                let range = || Variant::from(ExtensionObject::from_message(Range { low, high }));
                add("EURange", DataTypeId::Range, range());
                add("InstrumentRange", DataTypeId::Range, range());
                if !spec.unit.is_empty() {
                    let unit = ExtensionObject::from_message(units::information(&spec.unit));
                    add("EngineeringUnits", DataTypeId::EUInformation, Variant::from(unit));
                }
            }
        }
        (id, text)
    }

    /// A waveform (Part 3, 5.6: an array of one dimension, whose length is that of the last one).
    fn wave(&mut self, wave: &Wave, spec: &BurstSpec, machine: &NodeId) -> NodeId {
        let id = self.id(&wave.node);
        let name = name(&wave.node);
        VariableBuilder::new(&id, QualifiedName::new(self.own, name), name)
            .description(spec.doc.as_str())
            .has_type_definition(VariableTypeId::BaseDataVariableType)
            .data_type(DataTypeId::Float)
            .value_rank(1)
            .array_dimensions(&[0])
            .access_level(AccessLevel::CURRENT_READ)
            .user_access_level(AccessLevel::CURRENT_READ)
            .component_of(self.parent(&wave.node, machine))
            .insert(self.nodes);
        let rate = NodeId::new(self.own, wave.rate_node());
        let hz = Variant::from(wave.rate_hz);
        let named = QualifiedName::new(self.own, SAMPLE_RATE);
        self.property(&rate, named, &id, DataTypeId::Double, hz);
        let unit = NodeId::new(self.own, format!("{}.EngineeringUnits", wave.node));
        let value = Variant::from(ExtensionObject::from_message(units::information(&spec.unit)));
        let named = QualifiedName::new(0, "EngineeringUnits");
        self.property(&unit, named, &id, DataTypeId::EUInformation, value);
        id
    }

    fn method(&mut self, method: &str, deed: Deed, binding: &Binding, profile: &Profile, machine: &NodeId) {
        let id = self.id(method);
        let (place, doc) = match deed {
            Deed::Set(i) => (Some(&binding.places()[i]), "Sets the value"),
            Deed::Stop(..) => (None, "Stops the machine; no emergency stop"),
        };
        let mut builder = MethodBuilder::new(&id, QualifiedName::new(self.own, name(method)), name(method))
            .description(doc)
            .component_of(self.parent(method, machine));
        if let Some(place) = place {
            let spec = profile.point(place.point);
            let argument = Argument {
                name: "Value".into(),
                data_type: values::data_type_id(place.data).into(),
                value_rank: -1,
                array_dimensions: None,
                description: LocalizedText::from(format!("{} [{}]", spec.doc, spec.unit).as_str()),
            };
            let arguments = NodeId::new(self.own, format!("{method}.InputArguments"));
            builder = builder.input_args(self.nodes, &arguments, &[argument]);
        }
        builder.insert(self.nodes);
    }
}

/// Part 8, 5.3.3.4: the values of a state and their names.
fn enum_values(states: &BTreeMap<u64, String>) -> Variant {
    let value = |(value, name): (&u64, &String)| {
        Variant::from(ExtensionObject::from_message(EnumValueType {
            value: *value as i64,
            display_name: LocalizedText::from(name.as_str()),
            description: LocalizedText::null(),
        }))
    };
    Variant::from((VariantScalarTypeId::ExtensionObject, states.iter().map(value).collect::<Vec<_>>()))
}
