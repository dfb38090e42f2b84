//! Mail to people.

use otari_types::Secret;

use crate::section::section;
use crate::setting::Limit::{AtLeast, Between};
use crate::setting::choice;

choice! {
    /// How mail leaves.
    MailTransport("`auto`, `smtp`, `console` or `none`") {
        /// SMTP when it is set up, otherwise none.
        Auto = "auto",
        /// SMTP.
        Smtp = "smtp",
        /// Into the log. Bodies contain sign-in links: for development only.
        Console = "console",
        /// Not at all.
        None = "none",
    }
}

section! {
    /// Mail.
    Mail("Mail") {
        /// How mail leaves.
        mail_transport: MailTransport = MailTransport::Auto;
        /// SMTP server.
        smtp_host: Option<String> = None;
        /// SMTP port.
        smtp_port: u16 = 587 => Between(1.0, 65_535.0);
        /// SMTP user.
        smtp_user: Option<String> = None;
        /// SMTP password.
        smtp_password: Option<Secret> = None;
        /// Use STARTTLS.
        smtp_tls: bool = true;
        /// Sender address.
        mail_from_email: Option<String> = None;
        /// Sender name.
        mail_from_name: String = "Otari".to_owned();
        /// Hours an invitation is valid.
        invitation_expiry_hours: u32 = 168 => AtLeast(1.0);
        /// Hours an address verification is valid.
        email_verification_expiry_hours: u32 = 48 => AtLeast(1.0);
        /// Hours a password reset is valid.
        password_reset_expiry_hours: u32 = 2 => AtLeast(1.0);
    }
}
