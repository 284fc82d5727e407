//! The messages of the health protocol, `grpc.health.v1` in
//! <https://github.com/grpc/grpc-proto/blob/master/grpc/health/v1/health.proto>.

/// The request of the method `Check`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct HealthCheckRequest {
    /// Empty for the whole server.
    #[prost(string, tag = "1")]
    pub(crate) service: String,
}

/// The response of the method `Check`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct HealthCheckResponse {
    #[prost(enumeration = "ServingStatus", tag = "1")]
    pub(crate) status: i32,
}

/// The status of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum ServingStatus {
    Unknown = 0,
    Serving = 1,
    NotServing = 2,
    /// Only for the method `Watch`; some servers return it from `Check`.
    ServiceUnknown = 3,
}

impl ServingStatus {
    /// Returns the name in the protocol.
    pub(crate) fn as_str_name(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Serving => "SERVING",
            Self::NotServing => "NOT_SERVING",
            Self::ServiceUnknown => "SERVICE_UNKNOWN",
        }
    }
}
