//! `[cluster]`: this server as a node of a cluster.

use std::sync::Arc;

use crate::config::loader::section::Section;
use crate::config::loader::typed_value::between;
use crate::domain::values::name::is_name_character;
use crate::domain::values::time_span::TimeSpan;

/// `[cluster]`.
#[derive(Clone, Debug)]
pub(crate) struct ClusterConfig {
    /// Time after which the jobs of a silent node are recovered by another node.
    pub lease_ttl: TimeSpan,
    /// Display name of the node.
    pub node_name: Arc<str>,
}

impl ClusterConfig {
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        Self {
            lease_ttl: section.get_if(
                "lease_ttl",
                TimeSpan::from_secs(30),
                between(TimeSpan::from_secs(3), TimeSpan::from_secs(24 * 3600)),
            ),
            node_name: section
                .get_if("node_name", host_name(), |name: &String| check_name(name))
                .into(),
        }
    }
}

fn check_name(name: &str) -> Result<(), String> {
    if name.chars().count() > NAME_LENGTH_MAX || !name.chars().all(is_name_character) {
        return Err(format!(
            "a name has at most {NAME_LENGTH_MAX} characters, none of them a control, line separator, text direction or \
             invisible character"
        ));
    }
    Ok(())
}

const NAME_LENGTH_MAX: usize = 100;

fn host_name() -> String {
    let system = rustix::system::uname();
    let name: String = system
        .nodename()
        .to_string_lossy()
        .chars()
        .take(NAME_LENGTH_MAX)
        .collect();
    if name.is_empty() { "node".to_owned() } else { name }
}
