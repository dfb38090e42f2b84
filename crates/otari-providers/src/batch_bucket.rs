//! Where a cloud's batches find their lines and leave their answers: a bucket of the customer's, named by members of the
//! provider entry.

use std::time::Duration;

use http::Uri;

use crate::address::Place;
use crate::bucket::{Bucket, BucketError};
use crate::instance::InstanceError;
use crate::options::InstanceOptions;
use crate::provider::{Dialect, Provider};

const BUCKET: &str = "batch_bucket";
const ROLE: &str = "batch_role_arn";
const MIN_LINES: &str = "batch_min_lines";
const ENDPOINT: &str = "batch_bucket_endpoint";

/// The quota of nearly every model, unless AWS changed it for the account:
/// <https://docs.aws.amazon.com/general/latest/gr/bedrock.html#limits_bedrock>
const BEDROCK_MIN_LINES: usize = 100;
const GOOGLE: &str = "https://storage.googleapis.com";

/// A bucket for batches, and what a batch that uses it needs.
#[derive(Debug)]
pub enum BatchBucket {
    /// Of Amazon Bedrock.
    S3(Box<S3Batches>),
    /// Of Vertex AI.
    Google(GoogleBatches),
}

#[derive(Debug)]
pub struct S3Batches {
    pub bucket: Bucket,
    pub folder: Folder,
    /// As whom Bedrock reads and writes there.
    pub role_arn: String,
    /// Bedrock refuses batches of fewer lines.
    pub min_lines: usize,
}

#[derive(Debug)]
pub struct GoogleBatches {
    pub folder: Folder,
    /// Of the Cloud Storage API, without a slash at the end.
    pub endpoint: String,
}

/// A bucket's name, and what all our keys in it begin with: nothing, or a path with a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    pub bucket: String,
    pub prefix: String,
}

impl BatchBucket {
    /// What the options say; `None` where they name no bucket.
    pub(crate) fn read(
        provider: &Provider,
        place: &Place,
        options: &InstanceOptions,
        connect_timeout: Duration,
    ) -> Result<Option<Self>, InstanceError> {
        let Some(given) = options.option(&[BUCKET]) else {
            let lonely = [ROLE, MIN_LINES, ENDPOINT];
            let lonely = lonely.iter().any(|name| options.option(&[name]).is_some());
            return if lonely {
                Err(missing(BUCKET))
            } else {
                Ok(None)
            };
        };
        let endpoint = endpoint(options)?;
        match provider.dialect {
            Dialect::BedrockConverse => {
                let folder = Folder::read(&given, "s3://")?;
                let role_arn = role(options)?;
                let region = place.region.as_deref().ok_or_else(|| missing("region"))?;
                let at = (folder.bucket.as_str(), endpoint.as_deref());
                let bucket = Bucket::of_account(at, region, options, connect_timeout);
                let bucket = bucket.map_err(|_: BucketError| wrong(ENDPOINT, AN_ADDRESS))?;
                Ok(Some(Self::S3(Box::new(S3Batches {
                    bucket,
                    folder,
                    role_arn,
                    min_lines: min_lines(options)?,
                }))))
            }
            Dialect::Vertex | Dialect::VertexAnthropic if place.project.is_none() => {
                Err(missing("project"))
            }
            Dialect::Vertex | Dialect::VertexAnthropic => Ok(Some(Self::Google(GoogleBatches {
                folder: Folder::read(&given, "gs://")?,
                endpoint: endpoint.unwrap_or_else(|| GOOGLE.to_owned()),
            }))),
            _ => Err(wrong(
                BUCKET,
                "has a meaning for Bedrock and Vertex AI only",
            )),
        }
    }
}

const AN_ADDRESS: &str = "should be an http(s) address, as `https://s3.example.com`";

impl Folder {
    /// Reads `s3://bucket/path`.
    fn read(text: &str, scheme: &'static str) -> Result<Self, InstanceError> {
        let problem = match scheme {
            "s3://" => "should be a bucket and a path in it, as `s3://bucket/path`",
            _ => "should be a bucket and a path in it, as `gs://bucket/path`",
        };
        let (bucket, path) = text
            .trim()
            .strip_prefix(scheme)
            .map(|rest| rest.split_once('/').unwrap_or((rest, "")))
            .ok_or_else(|| wrong(BUCKET, problem))?;
        let is_name = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-_.".contains(&c);
        let is_path = |c: u8| c.is_ascii_alphanumeric() || b"-_./".contains(&c);
        let path = path.trim_matches('/');
        let fits = (3..=63).contains(&bucket.len())
            && bucket.bytes().all(is_name)
            && path.bytes().all(is_path)
            && path.len() <= 512
            && !path.split('/').any(|part| part == "..");
        if !fits {
            return Err(wrong(BUCKET, problem));
        }
        let slash = if path.is_empty() { "" } else { "/" };
        Ok(Self {
            bucket: bucket.to_owned(),
            prefix: format!("{path}{slash}"),
        })
    }
}

/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateModelInvocationJob.html>
fn role(options: &InstanceOptions) -> Result<String, InstanceError> {
    let role = options.option(&[ROLE]).ok_or_else(|| missing(ROLE))?;
    let role = role.trim();
    if role.starts_with("arn:aws") && role.contains(":iam::") && role.contains(":role/") {
        return Ok(role.to_owned());
    }
    let problem = "should be the ARN of a role, as `arn:aws:iam::123456789012:role/batches`";
    Err(wrong(ROLE, problem))
}

fn min_lines(options: &InstanceOptions) -> Result<usize, InstanceError> {
    let Some(given) = options.option(&[MIN_LINES]) else {
        return Ok(BEDROCK_MIN_LINES);
    };
    let lines = given.trim().parse().ok().filter(|lines| *lines > 0);
    lines.ok_or_else(|| wrong(MIN_LINES, "should be a number of lines, 1 or more"))
}

fn endpoint(options: &InstanceOptions) -> Result<Option<String>, InstanceError> {
    let Some(given) = options.option(&[ENDPOINT]) else {
        return Ok(None);
    };
    let given = given.trim().trim_end_matches('/');
    let address: Option<Uri> = given.parse().ok();
    let is_http = |address: Uri| {
        matches!(address.scheme_str(), Some("http" | "https")) && address.query().is_none()
    };
    if address.is_some_and(is_http) {
        return Ok(Some(given.to_owned()));
    }
    Err(wrong(ENDPOINT, AN_ADDRESS))
}

fn missing(option: &'static str) -> InstanceError {
    InstanceError::NoSetting {
        option,
        env: String::new(),
    }
}

fn wrong(option: &'static str, problem: &'static str) -> InstanceError {
    InstanceError::WrongSetting { option, problem }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::catalog;
    use crate::instance::{Instance, InstanceSettings, Timeouts};
    use otari_types::Secret;

    fn instance(provider: &str, options: Value) -> Result<Instance, InstanceError> {
        let Value::Object(values) = options else {
            panic!("options are an object")
        };
        let options = InstanceOptions {
            values,
            ..InstanceOptions::default()
        };
        let seconds = Duration::from_secs(1);
        let settings = InstanceSettings {
            name: provider.to_owned(),
            api_key: Some(Secret::new("ya29.token")),
            more_keys: Vec::new(),
            api_base: None,
            custom_headers: Vec::new(),
            models: Vec::new(),
            timeouts: Timeouts {
                connect: seconds,
                first_byte: seconds,
                idle: seconds,
                total: seconds,
            },
            max_retries: 0,
            implicit: false,
        };
        Instance::with_options(catalog::find(provider).unwrap(), settings, &options)
    }

    fn folder(bucket: &str, prefix: &str) -> Folder {
        Folder {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        }
    }

    #[test]
    fn a_bucket_is_read_with_what_the_cloud_needs() {
        let role = "arn:aws:iam::123456789012:role/batches";
        let made = instance(
            "bedrock",
            json!({"region": "us-east-1", "batch_bucket": "s3://my-bucket/some/path/", "batch_role_arn": role}),
        );
        let made = made.unwrap();
        let Some(BatchBucket::S3(made)) = &made.batch_bucket else {
            panic!("a bucket")
        };
        assert_eq!(made.folder, folder("my-bucket", "some/path/"));
        assert_eq!((made.role_arn.as_str(), made.min_lines), (role, 100));

        let options = json!({"project": "p", "batch_bucket": "gs://my_bucket"});
        let made = instance("vertexai", options).unwrap();
        let Some(BatchBucket::Google(made)) = &made.batch_bucket else {
            panic!("a bucket")
        };
        assert_eq!(made.folder, folder("my_bucket", ""));
        assert_eq!(made.endpoint, GOOGLE);
        assert!(
            instance("openai", json!({}))
                .unwrap()
                .batch_bucket
                .is_none()
        );
    }

    #[test]
    fn what_is_wrong_or_missing_is_named() {
        let role = "arn:aws:iam::123456789012:role/batches";
        let bucket = "s3://bucket/path";
        for (provider, options, told) in [
            (
                "bedrock",
                json!({"batch_bucket": bucket}),
                "`batch_role_arn`",
            ),
            ("bedrock", json!({"batch_role_arn": role}), "`batch_bucket`"),
            (
                "bedrock",
                json!({"batch_bucket": bucket, "batch_role_arn": "batches"}),
                "as `arn:aws",
            ),
            (
                "bedrock",
                json!({"batch_bucket": "bucket", "batch_role_arn": role}),
                "as `s3://bucket/path`",
            ),
            (
                "bedrock",
                json!({"batch_bucket": "gs://bucket", "batch_role_arn": role}),
                "as `s3://bucket/path`",
            ),
            (
                "bedrock",
                json!({"batch_bucket": "s3://b/../c", "batch_role_arn": role}),
                "as `s3://bucket/path`",
            ),
            (
                "bedrock",
                json!({"batch_bucket": bucket, "batch_role_arn": role, "batch_min_lines": 0}),
                "1 or more",
            ),
            (
                "bedrock",
                json!({"batch_bucket": bucket, "batch_role_arn": role, "batch_bucket_endpoint": "minio"}),
                "`batch_bucket_endpoint` should be an http(s) address",
            ),
            (
                "vertexai",
                json!({"batch_bucket": "s3://bucket"}),
                "as `gs://bucket/path`",
            ),
            (
                "openai",
                json!({"batch_bucket": bucket}),
                "Bedrock and Vertex AI only",
            ),
        ] {
            let mut options = options;
            options["region"] = json!("us-east-1");
            options["project"] = json!("p");
            let error = instance(provider, options.clone()).unwrap_err().to_string();
            assert!(error.contains(told), "{options}: {error}");
        }
    }
}
