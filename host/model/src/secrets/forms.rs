//! The forms in which a secret can occur in a sanitized text: the whole secret as one line, and the parts of
//! a secret with several lines, which standard output or a log may contain one by one.
//!
//! A part counts only if it is secret by itself. Text that occurs anywhere stays readable: PEM armor, names
//! of settings, brackets, comments and common values. This module does not know how texts are searched.

use crate::Text;

/// Returns the forms of a secret. Some of them may be too short to be redacted.
pub(super) fn forms(text: &str) -> Vec<String> {
    let mut forms = vec![clean(text)];
    add_parts(text, &mut forms);
    forms
}

fn clean(text: &str) -> String {
    let line = Text::line(text, text.len());
    line.as_str().trim().to_owned()
}

fn add_parts(text: &str, forms: &mut Vec<String>) {
    let lines = text.split(['\n', '\r']).map(clean);
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    if lines.len() < 2 {
        return;
    }
    let mut block = None;
    for line in &lines {
        let item = unquoted(line);
        match (Armor::of(item), block) {
            (Some(Armor::Begin(begun)), _) => block = Some(begun),
            (Some(Armor::End), _) => block = None,
            (None, Some(block)) if is_base64(item) => {
                forms.extend((block == Block::Other).then(|| item.to_owned()));
            }
            (None, _) => add_line(line, forms),
        }
    }
}

/// Adds the parts of a line that are secret by themselves.
fn add_line(line: &str, forms: &mut Vec<String>) {
    let comment = comment(line);
    if let Some((name, value)) = xml_element(line).or_else(|| setting(comment.unwrap_or(line))) {
        if is_secret_name(name) || !is_ordinary(value) {
            add_value(value, forms);
        }
        return;
    }
    if comment.is_some() || is_section(line) || !line.contains(char::is_alphanumeric) {
        return;
    }
    let value = unquoted(line);
    add_value(value, forms);
    if !value.contains(' ') && !value.contains("://") {
        // In lines of `.pgpass`, `.npmrc` and password files the last field is the secret.
        let fields = [':', '='].map(|separator| value.rsplit_once(separator));
        let last = fields
            .into_iter()
            .flatten()
            .map(|(_, last)| last.to_owned());
        forms.extend(last);
    }
}

/// Adds a value as it is written. If it contains escapes, also adds the value that a program reads.
fn add_value(value: &str, forms: &mut Vec<String>) {
    forms.push(value.to_owned());
    let read = serde_json::from_str::<String>(&format!("\"{value}\""));
    if let Ok(read) = read
        && read != value
    {
        forms.push(clean(&read));
        add_parts(&read, forms);
    }
}

/// A line that begins or ends a PEM, `OpenPGP` or SSH2 block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Armor {
    Begin(Block),
    End,
}

/// The kind of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    /// Public data: a certificate or a public key.
    Public,
    /// Anything else, such as a private key.
    Other,
}

impl Armor {
    fn of(line: &str) -> Option<Self> {
        let label = line.strip_prefix("----")?.strip_suffix("----")?;
        let label = label.trim_matches(['-', ' ']);
        if label.starts_with("END ") {
            return Some(Self::End);
        }
        let label = label.strip_prefix("BEGIN ")?;
        let is_public = PUBLIC_LABELS.iter().any(|public| label.contains(public));
        Some(Self::Begin(if is_public {
            Block::Public
        } else {
            Block::Other
        }))
    }
}

fn is_base64(line: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    line.trim_end_matches('=').bytes().all(is_digit)
}

/// The text of a comment line.
fn comment(line: &str) -> Option<&str> {
    let mut marks = ["# ", "; ", "// "].iter();
    marks.find_map(|mark| line.strip_prefix(mark))
}

/// Whether a line is a section header of INI or TOML.
fn is_section(line: &str) -> bool {
    let name = line
        .strip_prefix('[')
        .and_then(|line| line.strip_suffix(']'));
    name.is_some_and(|name| !name.contains(['"', '\'']) && is_ordinary(name))
}

/// The name and value of an XML element on one line. The value of a single tag is empty.
fn xml_element(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line
        .strip_prefix('<')
        .filter(|rest| rest.ends_with('>'))?
        .split_once('>')?;
    let value = rest.split('<').next().unwrap_or_default();
    let has_attributes = name.contains('=') && !name.starts_with(['?', '!']);
    (!has_attributes).then_some((name, value))
}

/// The name and value of a setting in the syntax of JSON, YAML, TOML, INI or environment files.
fn setting(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix("- ").unwrap_or(line);
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_at(line.find(['=', ':'])?);
    let separates = |value: &str| value.is_empty() || value.starts_with([' ', '{', '[', '"']);
    let value = match value.strip_prefix(':') {
        // A colon within a word separates fields. It does not separate a name from its value.
        Some(value) => (name.ends_with(['"', '\'']) || separates(value)).then_some(value)?,
        None => &value[1..],
    };
    let name = unquoted(name);
    let is_name_char = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ' ');
    let is_name = !name.is_empty() && name.chars().all(is_name_char) && is_ordinary(name);
    is_name.then(|| (name, unquoted(value)))
}

/// A list entry or a value without list marker, quotes and separators.
fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let text = text.strip_prefix("- ").unwrap_or(text).trim_start();
    let text = text.trim_end_matches([',', ';', ' ']);
    let within = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    within('"').or_else(|| within('\'')).unwrap_or(text)
}

/// Whether every value with this name is secret.
fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.iter().any(|secret| name.ends_with(secret))
}

/// Whether a text is too ordinary to be secret: a few words and numbers.
fn is_ordinary(text: &str) -> bool {
    let holds_login = text.contains('=') || text.contains("://") && text.contains('@');
    let words = text.split(|c: char| !c.is_alphanumeric());
    !holds_login && text.split_whitespace().count() <= 3 && words.into_iter().all(is_word)
}

/// Whether a sequence of letters and digits looks like a word, a number or a name like `x509`, and not like
/// random characters.
fn is_word(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let pairs = word.as_bytes().windows(2);
    let humps = pairs.filter(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
    match word.len() {
        length if digits == 0 => length <= 20 && humps.count() <= 2,
        length if digits == length => length <= 10,
        length => length <= 6,
    }
}

/// Parts of the labels of public blocks.
const PUBLIC_LABELS: [&str; 4] = ["CERTIFICATE", "PUBLIC KEY", "CRL", "PARAMETERS"];

/// Endings of the names of secret values.
const SECRET_NAMES: [&str; 10] = [
    "cookie",
    "credential",
    "credentials",
    "key",
    "pass",
    "passphrase",
    "passwd",
    "password",
    "secret",
    "token",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::Secrets;

    /// The parts of a secret that are long enough to be redacted.
    fn parts(text: &str) -> BTreeSet<String> {
        let forms = forms(text).into_iter().skip(1);
        forms.filter(|form| form.len() >= 6).collect()
    }

    fn assert_parts(text: &str, expected: &[&str]) {
        let expected = expected.iter().map(ToString::to_string).collect();
        assert_eq!(parts(text), expected, "{text}");
    }

    #[test]
    fn in_pem_the_private_key_is_secret_and_armor_and_certificates_are_not() {
        assert_parts(
            "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQ2\nyyyyyy==\n-----END CERTIFICATE-----\n\
             -----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n\
             -----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIGx4dGVzdA\nlastline==\n\
             -----END EC PRIVATE KEY-----\n",
            &["MHcCAQEEIGx4dGVzdA", "lastline=="],
        );
        assert_parts(
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\
             DEK-Info: AES-128-CBC,4E1B2C3D4E5F60718293A4B5C6D7E8F9\n\nabcdefghijklmn\n\
             -----END RSA PRIVATE KEY-----",
            &[
                "AES-128-CBC,4E1B2C3D4E5F60718293A4B5C6D7E8F9",
                "abcdefghijklmn",
            ],
        );
        assert_parts(
            "---- BEGIN SSH2 PUBLIC KEY ----\nAAAAB3NzaC1yc2EAAAABJQAAAQEA\n---- END SSH2 PUBLIC KEY ----\n\
             -----BEGIN OPENSSH PRIVATE KEY-----\r\nb3BlbnNzaC1rZXktdjEAAAAA\r\n\
             -----END OPENSSH PRIVATE KEY-----\r\n",
            &["b3BlbnNzaC1rZXktdjEAAAAA"],
        );
        // Only base64 belongs to a public block.
        assert_parts("-----BEGIN CERTIFICATE-----\nsword-fish", &["sword-fish"]);
    }

    #[test]
    fn in_a_service_account_random_values_are_secret() {
        let account = r#"{
  "type": "service_account",
  "project_id": "vitals-test",
  "private_key_id": "3f8a1c0d9b7e6f5a4c3b2d1e0f9a8b7c6d5e4f3a",
  "private_key": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n",
  "client_email": "checker@vitals-test.iam.gserviceaccount.com",
  "auth_uri": "https://accounts.google.com/o/oauth2/auth",
  "token_uri": "https://oauth2.googleapis.com/token",
  "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
  "scopes": [
    "devstorage"
  ],
  "universe_domain": "googleapis.com"
}"#;
        assert_parts(
            account,
            &[
                "3f8a1c0d9b7e6f5a4c3b2d1e0f9a8b7c6d5e4f3a",
                r"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n",
                "-----BEGIN PRIVATE KEY----- MIIEvQIBADANBgkq hkiG9w0BAQEFAASC -----END PRIVATE KEY-----",
                "MIIEvQIBADANBgkq",
                "hkiG9w0BAQEFAASC",
                "devstorage",
            ],
        );
    }

    #[test]
    fn a_setting_is_secret_by_its_name_or_by_the_look_of_its_value() {
        assert_parts(
            "# of the staging system\n# old_password: crocodile\n==========\n[default]\nLOG_LEVEL=warning\nexport DB_PASSWORD='swordfish'\n\
             PORT=5432\nregion = eu-central-1\nSLACK=https://hooks.slack.test/T02AB34CD/x\n\
             DATABASE_URL=postgres://app:letmein@db/app\nEMPTY=\nMODE=PostgreSQL\n",
            &[
                "crocodile",
                "swordfish",
                "https://hooks.slack.test/T02AB34CD/x",
                "postgres://app:letmein@db/app",
            ],
        );
        assert_parts(
            "---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: database\n  \
             created: 2026-01-27 10:29\nusers:\n  - name: checker\n    \
             clientSecret: \"swordfish\"\n  - hunter2-long\n  - 'quoted one'\n\
             phrase: correct horse battery staple\ntls.key: |\n  -----BEGIN KEY-----\n  QUJD7741\n",
            &[
                "swordfish",
                "hunter2-long",
                "quoted one",
                "correct horse battery staple",
                "QUJD7741",
            ],
        );
        assert_parts(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<settings>\n<user>checker</user>\n\
             <password>swordfish</password>\n</settings>",
            &["swordfish"],
        );
    }

    #[test]
    fn a_line_of_fields_and_its_last_field_are_secret() {
        assert_parts(
            "# hostname:port:database:username:password\n\
             db.internal:5432:orders:checker:swordfish\n*:*:*:checker:sword=fish8\n\
             //registry.test/:_authToken=npm_abcdef\n",
            &[
                "db.internal:5432:orders:checker:swordfish",
                "swordfish",
                "*:*:*:checker:sword=fish8",
                "sword=fish8",
                "//registry.test/:_authToken=npm_abcdef",
                "_authToken=npm_abcdef",
                "npm_abcdef",
            ],
        );
        // A secret with a single line has no parts.
        assert_parts("\nchecker:swordfish\n", &[]);
    }

    #[test]
    fn a_private_key_is_redacted_in_every_layout() {
        let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\nlast==\n\
                   -----END PRIVATE KEY-----\n";
        let secrets = Secrets::new([key]);
        let armor =
            "expected -----BEGIN PRIVATE KEY----- at line 1, -----END PRIVATE KEY----- later";
        assert_eq!(secrets.line(armor, 1000).as_str(), armor);
        let body = |text: &str| {
            let lines = text.lines().filter(|line| !line.starts_with('-'));
            lines.collect::<String>()
        };
        for shown in [
            key.to_owned(),
            key.replace('\n', "\r\n"),
            key.replace('\n', "\r"),
            key.replace('\n', "\\n"),
            key.replace('\n', "\n    "),
            key.replace('\n', "\u{200b}\n"),
            body(key),
            key.lines().rev().collect::<Vec<_>>().join(", "),
        ] {
            let text = secrets.line(&shown, 1000);
            for part in ["MIIE", "EAAS", "last"] {
                assert!(!text.as_str().contains(part), "{shown:?}: {text}");
            }
        }
    }
}
