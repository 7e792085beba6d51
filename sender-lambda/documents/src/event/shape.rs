//! The shape of an event: which members each object has. A test compares them with the JSON Schema, which is made from the
//! types.

use ownpost_domain::brand::Brand;
use serde_json::Value;

use super::{
    AttachmentDocument, ContentDocument, EventDocument, PersonDocument, RecipientDocument,
    UnsubscribeDocument,
};
use crate::shape::{Members, Wrong, map};

pub(super) fn event(value: Value) -> Result<EventDocument, Wrong> {
    let known = [
        "id",
        "tenant",
        "category",
        "type",
        "recipients",
        "notAfter",
        "replyTo",
        "thread",
        "data",
        "content",
        "attachments",
        "unsubscribe",
        "brand",
    ];
    let mut of = Members::of(value, String::new(), &known)?;
    Ok(EventDocument {
        id: of.text("id")?,
        tenant: of.text("tenant")?,
        category: of.text("category")?,
        kind: of.text("type")?,
        recipients: match of.list("recipients", recipient)? {
            Some(recipients) => recipients,
            None => return Err(of.missing("recipients")),
        },
        not_after: of.optional_text("notAfter")?,
        reply_to: of.object("replyTo", person)?,
        thread: of.optional_text("thread")?,
        data: of.object("data", map)?,
        content: of.object("content", content)?,
        attachments: of.list("attachments", attachment)?,
        unsubscribe: of.object("unsubscribe", unsubscribe)?,
        brand: of.object("brand", brand)?,
    })
}

fn recipient(value: Value, path: String) -> Result<RecipientDocument, Wrong> {
    let mut of = Members::of(value, path, &["address", "name", "locale"])?;
    let (address, name) = (of.text("address")?, of.optional_text("name")?);
    Ok(RecipientDocument { address, name, locale: of.optional_text("locale")? })
}

fn person(value: Value, path: String) -> Result<PersonDocument, Wrong> {
    let mut of = Members::of(value, path, &["address", "name"])?;
    Ok(PersonDocument { address: of.text("address")?, name: of.optional_text("name")? })
}

fn content(value: Value, path: String) -> Result<ContentDocument, Wrong> {
    let mut of = Members::of(value, path, &["subject", "text", "html"])?;
    let (subject, text) = (of.text("subject")?, of.optional_text("text")?);
    Ok(ContentDocument { subject, text, html: of.optional_text("html")? })
}

fn attachment(value: Value, path: String) -> Result<AttachmentDocument, Wrong> {
    let mut of = Members::of(value, path, &["filename", "contentType", "base64"])?;
    let (filename, content_type) = (of.text("filename")?, of.text("contentType")?);
    Ok(AttachmentDocument { filename, content_type, base64: of.text("base64")? })
}

fn unsubscribe(value: Value, path: String) -> Result<UnsubscribeDocument, Wrong> {
    let mut of = Members::of(value, path, &["url"])?;
    Ok(UnsubscribeDocument { url: of.text("url")? })
}

fn brand(value: Value, path: String) -> Result<Brand, Wrong> {
    let known =
        ["name", "url", "settingsUrl", "logoUrl", "accentColor", "supportUrl", "postalAddress", "footer"];
    let mut of = Members::of(value, path, &known)?;
    Ok(Brand {
        name: of.optional_text("name")?,
        url: of.optional_text("url")?,
        settings_url: of.optional_text("settingsUrl")?,
        logo_url: of.optional_text("logoUrl")?,
        accent_color: of.optional_text("accentColor")?,
        support_url: of.optional_text("supportUrl")?,
        postal_address: of.optional_text("postalAddress")?,
        footer: of.optional_text("footer")?,
    })
}
