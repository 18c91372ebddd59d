//! `PredictionLog`: the record of warm-up files and request logs.

use super::wire::{Malformed, Reader, Value};

/// The request of one record, still serialized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoggedRequest<'b> {
    /// A `ClassificationRequest`.
    Classify(&'b [u8]),
    /// A `RegressionRequest`.
    Regress(&'b [u8]),
    /// A `MultiInferenceRequest`.
    MultiInference(&'b [u8]),
    /// A `SessionRunRequest`.
    SessionRun(&'b [u8]),
    /// A `PredictRequest`.
    Predict(&'b [u8]),
    /// The `PredictRequest`s of one stream are not looked at.
    PredictStreamed,
}

impl LoggedRequest<'_> {
    /// The number of the record's field in `log_type`.
    pub fn number(&self) -> u32 {
        match self {
            Self::Classify(_) => 2,
            Self::Regress(_) => 3,
            Self::MultiInference(_) => 4,
            Self::SessionRun(_) => 5,
            Self::Predict(_) => 6,
            Self::PredictStreamed => 7,
        }
    }
}

/// Reads a record as far as its request: `Ok(None)` without a `log_type`, `Err` when the bytes are no such message.
pub fn decode(record: &[u8]) -> Result<Option<LoggedRequest<'_>>, NotALog> {
    read(record).map_err(|Malformed| NotALog)
}

/// The bytes are not a `PredictionLog`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotALog;

fn read(record: &[u8]) -> Result<Option<LoggedRequest<'_>>, Malformed> {
    let mut found = None;
    let mut reader = Reader::new(record);
    while let Some((number, value)) = reader.next()? {
        let Value::Bytes(log) = value else { continue };
        let wrap = match number {
            2 => LoggedRequest::Classify,
            3 => LoggedRequest::Regress,
            4 => LoggedRequest::MultiInference,
            5 => LoggedRequest::SessionRun,
            6 => LoggedRequest::Predict,
            7 => |_| LoggedRequest::PredictStreamed,
            _ => continue,
        };
        // Of a oneof the last one holds.
        found = Some(wrap(request(log)?));
    }
    Ok(found)
}

/// Field 1 of every log; empty where there is none.
fn request(log: &[u8]) -> Result<&[u8], Malformed> {
    let mut request = &[][..];
    let mut reader = Reader::new(log);
    while let Some((number, value)) = reader.next()? {
        if let (1, Value::Bytes(bytes)) = (number, value) {
            request = bytes;
        }
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_is_found_behind_metadata_and_in_front_of_the_response() {
        // log_metadata {}, predict_log { request: "ab", response: "c" }
        let record = b"\x0a\x00\x32\x07\x0a\x02ab\x12\x01c";
        assert_eq!(decode(record), Ok(Some(LoggedRequest::Predict(b"ab"))));
        assert_eq!(decode(b"\x12\x00"), Ok(Some(LoggedRequest::Classify(b""))));
        assert_eq!(
            decode(b"\x3a\x00"),
            Ok(Some(LoggedRequest::PredictStreamed))
        );
    }

    #[test]
    fn a_record_without_a_request_is_none_and_other_bytes_are_refused() {
        assert_eq!(decode(b""), Ok(None));
        assert_eq!(decode(b"\x0a\x00"), Ok(None));
        assert_eq!(decode(b"hello"), Err(NotALog));
        assert_eq!(decode(b"\x32\x02\x0a\x05"), Err(NotALog));
    }

    #[test]
    fn of_two_requests_the_last_one_holds() {
        let found = decode(b"\x12\x03\x0a\x01a\x1a\x03\x0a\x01b");
        assert_eq!(found, Ok(Some(LoggedRequest::Regress(b"b"))));
        assert_eq!(found.unwrap().map(|it| it.number()), Some(3));
    }
}
