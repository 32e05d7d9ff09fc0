//! Files of the pages in memory, compressed with gzip.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::sync::{Arc, OnceLock};

use actix_web::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, VARY};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

#[cfg(feature = "dashboard")]
#[expect(
    unreachable_pub,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "the code is generated, for any program that embeds files"
)]
mod embedded {
    include!(concat!(env!("OUT_DIR"), "/generated.rs"));
}

/// The embedded files by name, such as `assets/main.js`.
pub(super) type Files = HashMap<&'static str, File>;

/// A file and its media type.
#[derive(Clone)]
pub(super) struct File {
    packed: Bytes,
    media_type: &'static str,
    /// The decompressed file, after the first request without gzip.
    plain: Arc<OnceLock<Bytes>>,
}

impl File {
    /// A file with this text.
    pub(super) fn of_text(text: String, media_type: &'static str) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        // A vector accepts every write.
        let _ = encoder.write_all(text.as_bytes());
        Self {
            packed: encoder.finish().unwrap_or_default().into(),
            media_type,
            plain: Arc::new(OnceLock::from(Bytes::from(text))),
        }
    }

    /// The content.
    pub(super) fn plain(&self) -> Bytes {
        let unpack = || {
            let mut plain = Vec::new();
            // The file was compressed by the build.
            let _ = GzDecoder::new(&*self.packed).read_to_end(&mut plain);
            Bytes::from(plain)
        };
        self.plain.get_or_init(unpack).clone()
    }

    /// Entity tag of the content.
    pub(super) fn tag(&self) -> String {
        let digest = hex::encode(Sha256::digest(&self.packed));
        digest.chars().take(16).collect()
    }

    /// The response, in an encoding that the client accepts.
    pub(super) fn response(&self, request: &HttpRequest, mut response: HttpResponseBuilder) -> HttpResponse {
        response
            .insert_header((CONTENT_TYPE, self.media_type))
            .insert_header((VARY, "accept-encoding"));
        if accepts_gzip(request.headers()) {
            response
                .insert_header((CONTENT_ENCODING, "gzip"))
                .body(self.packed.clone())
        } else {
            response.body(self.plain())
        }
    }
}

/// True if the client accepts gzip (RFC 9110, section 12.5.3). One without `Accept-Encoding` does not decompress.
pub(super) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let quality_of = |requested: &[&str]| {
        let values = headers.get_all(ACCEPT_ENCODING).filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).find_map(|item| {
            let (coding, parameter) = item.split_once(';').unwrap_or((item, "q=1"));
            let quality = parameter.trim().strip_prefix("q=")?.parse::<f32>().ok()?;
            requested.contains(&coding.trim()).then_some(quality)
        })
    };
    let quality = quality_of(&["gzip", "x-gzip"]).or_else(|| quality_of(&["*"]));
    quality.is_some_and(|quality| quality > 0.0)
}

/// The files that the build has embedded; none if it had no pages.
#[cfg(feature = "dashboard")]
pub(super) fn embedded() -> Files {
    let file = |resource: static_files::Resource| File {
        packed: Bytes::from_static(resource.data),
        media_type: resource.mime_type,
        plain: Arc::default(),
    };
    embedded::generate()
        .into_iter()
        .map(|(name, resource)| (name, file(resource)))
        .collect()
}

/// The files that the build has embedded: none without the feature.
#[cfg(not(feature = "dashboard"))]
pub(super) fn embedded() -> Files {
    Files::new()
}
