//! Connection strings of Application Insights, as Azure's portal shows them.

use std::fmt;

use reqwest::Url;

use super::typed_value::{Setting, Wrong};
use super::value::Value;

/// Endpoint of connection strings without one.
const DEFAULT_ENDPOINT: &str = "https://dc.services.visualstudio.com/";
const EXAMPLE: &str = "InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=https://westeurope-1.in.applicationinsights.azure.com/";

/// A connection string. Printing it does not show the key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ConnectionString {
    /// Id of the resource.
    pub instrumentation_key: String,
    /// Endpoint for telemetry.
    pub ingestion_endpoint: Url,
}

impl fmt::Debug for ConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "InstrumentationKey=***;IngestionEndpoint={}",
            self.ingestion_endpoint
        )
    }
}

impl ConnectionString {
    /// Parses `Key=value` pairs separated by semicolons: keys are case-insensitive, unknown ones are ignored.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (mut key, mut endpoint, mut suffix, mut location) = (None, None, None, None);
        for pair in text.split(';').map(str::trim).filter(|pair| !pair.is_empty()) {
            // No message repeats a value: it may be the key.
            let (name, value) = pair
                .split_once('=')
                .ok_or("has a part without '='; write Key=value parts with ';' between them")?;
            let value = value.trim();
            match name.trim().to_ascii_lowercase().as_str() {
                "instrumentationkey" => key = Some(value),
                "ingestionendpoint" => endpoint = Some(value),
                "endpointsuffix" => suffix = Some(value),
                "location" => location = Some(value),
                "authorization" if !value.eq_ignore_ascii_case("ikey") => {
                    return Err("has an Authorization other than ikey, the only supported one".to_owned());
                }
                _ => {}
            }
        }
        let key = key
            .filter(|key| !key.is_empty())
            .ok_or_else(|| format!("has no InstrumentationKey; copy it from Azure's portal, for example {EXAMPLE}"))?;
        if !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return Err("has an InstrumentationKey with other characters than letters, digits and '-'".to_owned());
        }
        let endpoint = match (endpoint, suffix) {
            (Some(endpoint), _) => endpoint.to_owned(),
            (None, Some(suffix)) => {
                let location = location.map_or_else(String::new, |location| format!("{location}."));
                format!("https://{location}dc.{suffix}/")
            }
            (None, None) => DEFAULT_ENDPOINT.to_owned(),
        };
        let endpoint = Url::parse(&endpoint).map_err(|error| format!("has no valid IngestionEndpoint ({error})"))?;
        if !matches!(endpoint.scheme(), "http" | "https") || !endpoint.has_host() {
            return Err("has an IngestionEndpoint that does not begin with https:// or http://".to_owned());
        }
        Ok(Self {
            instrumentation_key: key.to_owned(),
            ingestion_endpoint: endpoint,
        })
    }
}

impl Setting for ConnectionString {
    fn read(value: &Value) -> Result<Self, Wrong> {
        // The usual message would quote the value.
        let text = value
            .as_text()
            .ok_or_else(|| Wrong::new(format!("is not a text; an example is {EXAMPLE}")))?;
        Self::parse(text).map_err(Wrong::new)
    }

    fn show(&self) -> String {
        "\"***\"".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (String, String) {
        let ConnectionString {
            instrumentation_key,
            ingestion_endpoint,
        } = ConnectionString::parse(text).expect("a connection string");
        (instrumentation_key, ingestion_endpoint.into())
    }

    #[test]
    fn connection_strings_of_azure_are_parsed() {
        let text = "InstrumentationKey=0a-1;IngestionEndpoint=https://westeurope-1.in.applicationinsights.azure.com/;\
                    LiveEndpoint=https://westeurope.livediagnostics.monitor.azure.com/;ApplicationId=7a=";
        let (key, endpoint) = parsed(text);
        assert_eq!(key, "0a-1");
        assert_eq!(endpoint, "https://westeurope-1.in.applicationinsights.azure.com/");
    }

    #[test]
    fn an_endpoint_may_be_left_out_or_named_by_its_suffix() {
        assert_eq!(parsed("instrumentationkey = k ;").1, DEFAULT_ENDPOINT);
        assert_eq!(
            parsed("InstrumentationKey=k;EndpointSuffix=ai.contoso.com;Location=westus2").1,
            "https://westus2.dc.ai.contoso.com/"
        );
        assert_eq!(
            parsed("InstrumentationKey=k;IngestionEndpoint=http://127.0.0.1:9/").1,
            "http://127.0.0.1:9/"
        );
    }

    #[test]
    fn errors_do_not_contain_the_key() {
        for (text, part) in [
            ("", "no InstrumentationKey"),
            ("s3cret", "without '='"),
            (
                "InstrumentationKey=s3cret;IngestionEndpoint=here",
                "no valid IngestionEndpoint",
            ),
            (
                "InstrumentationKey=s3cret;IngestionEndpoint=ftp://a",
                "begin with https://",
            ),
            ("InstrumentationKey=s3cret;Authorization=aad", "other than ikey"),
            ("InstrumentationKey=s3 cret", "other characters"),
        ] {
            let error = ConnectionString::parse(text).expect_err(text);
            assert!(error.contains(part) && !error.contains("s3"), "{error}");
        }
        let parsed = ConnectionString::parse("InstrumentationKey=s3cret").expect("a connection string");
        assert!(!format!("{parsed:?}").contains("s3cret"));
    }
}
