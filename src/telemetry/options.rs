//! Options of exporting telemetry.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;

use super::exporters::DestinationOptions;
use crate::domain::values::id::NodeId;

/// The version of OpenTelemetry's SDK in Cargo.toml.
const SDK_VERSION: &str = "0.33";

/// Options of exporting telemetry.
#[derive(Clone, Debug)]
pub struct TelemetryOptions {
    /// Destinations.
    pub destinations: Vec<DestinationOptions>,
    /// Maximum number of traced jobs per second.
    pub traces_per_second_max: u32,
    /// Interval of exporting metrics.
    pub metrics_interval: Duration,
    /// Attributes of this server.
    pub identity: Identity,
}

/// Attributes that identify this server.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Name of the service.
    pub service_name: Arc<str>,
    /// Name of the node, which several servers may share.
    pub node_name: Arc<str>,
    /// Further attributes from the configuration.
    pub attributes: Vec<(String, String)>,
}

impl Identity {
    /// A resource by the semantic conventions; `instance` is the id of this run of the server.
    pub(super) fn resource(&self, instance: NodeId) -> Resource {
        let own = [
            ("service.name", self.service_name.to_string()),
            ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
            ("service.instance.id", instance.to_string()),
            ("tickerq.node.name", self.node_name.to_string()),
            ("telemetry.sdk.name", "opentelemetry".to_owned()),
            ("telemetry.sdk.language", "rust".to_owned()),
            ("telemetry.sdk.version", SDK_VERSION.to_owned()),
        ];
        let own = own.into_iter().map(|(key, value)| KeyValue::new(key, value));
        // The last value of a key counts. The service's name has a setting of its own.
        let named = self.attributes.iter().filter(|(key, _)| key != "service.name");
        let named = named.map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
        let all = own.chain(named);
        Resource::builder_empty().with_attributes(all).build()
    }
}
