//! The software bill of materials of an artefact, in CycloneDX 1.5. The same parts give the same bytes: no time, and a
//! serial number that is made of the content.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use cyclonedx_bom::models::bom::{Bom, SpecVersion, UrnUuid};
use cyclonedx_bom::models::component::{Classification, Component, Components};
use cyclonedx_bom::models::dependency::{Dependencies, Dependency};
use cyclonedx_bom::models::external_reference::{
    ExternalReference, ExternalReferenceType, ExternalReferences,
};
use cyclonedx_bom::models::hash::{Hash, HashAlgorithm, HashValue, Hashes};
use cyclonedx_bom::models::license::{LicenseChoice, Licenses};
use cyclonedx_bom::models::metadata::Metadata;
use cyclonedx_bom::prelude::{Purl, SpdxExpression, Uri, Validate as _};
use sha2::{Digest as _, Sha256};

use super::tree::{Artefact, Origin, Part, Tree};

/// The name of the file in each artefact; the ending is CycloneDX's.
pub(crate) const FILE: &str = "sbom.cdx.json";

/// Writes the bill of an artefact of this version.
pub(crate) fn write(artefact: &Artefact, version: &str, tree: &Tree) -> Result<Vec<u8>> {
    let root = format!("artefact {} {version}", artefact.name);
    let mut whole = Component::new(Classification::Application, artefact.name, version, Some(root.clone()));
    whole.licenses =
        Some(Licenses(vec![LicenseChoice::Expression(SpdxExpression::new("MIT OR Apache-2.0"))]));
    let names: BTreeMap<&str, String> =
        tree.parts.iter().map(|(key, part)| Ok((key.as_str(), name(part)?))).collect::<Result<_>>()?;
    let components = tree.parts.values().map(component).collect::<Result<_>>()?;
    let named =
        |keys: &mut dyn Iterator<Item = &String>| keys.map(|key| names[key.as_str()].clone()).collect();
    let mut dependencies =
        vec![Dependency { dependency_ref: root, dependencies: named(&mut tree.roots.iter()) }];
    dependencies.extend(tree.parts.iter().map(|(key, part)| Dependency {
        dependency_ref: names[key.as_str()].clone(),
        dependencies: named(&mut part.uses.iter()),
    }));
    let mut bom = Bom {
        serial_number: None,
        metadata: Some(Metadata { component: Some(whole), ..Metadata::default() }),
        components: Some(Components(components)),
        dependencies: Some(Dependencies(dependencies)),
        spec_version: SpecVersion::V1_5,
        ..Bom::default()
    };
    bom.serial_number = Some(UrnUuid(serial(&json(&bom)?)));
    let checked = bom.validate_version(SpecVersion::V1_5);
    ensure!(checked.passed(), "the bill of {} is not valid: {checked:?}", artefact.name);
    json(&bom)
}

fn json(bom: &Bom) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bom.clone().output_as_json_v1_5(&mut bytes)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// A UUID of version 8 (RFC 9562 section 5.8) of the content.
fn serial(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    let mut bytes: [u8; 16] = std::array::from_fn(|at| digest[at]);
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    format!("urn:uuid:{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// The package URL, by which tools find advisories.
fn name(part: &Part) -> Result<String> {
    let kind = if part.origin == Origin::Crate { "cargo" } else { "generic" };
    let name = part.name.to_lowercase().replace(' ', "-");
    Ok(Purl::new(kind, &name, &part.version)?.to_string())
}

fn component(part: &Part) -> Result<Component> {
    let purl = name(part)?;
    let mut component =
        Component::new(Classification::Library, &part.name, &part.version, Some(purl.clone()));
    component.purl = purl.parse().ok();
    let licence = SpdxExpression::parse_lax(part.licence.clone())?;
    component.licenses = Some(Licenses(vec![LicenseChoice::Expression(licence)]));
    component.hashes = part
        .checksum
        .as_ref()
        .map(|sum| Hashes(vec![Hash { alg: HashAlgorithm::SHA_256, content: HashValue(sum.clone()) }]));
    component.external_references = part.repository.as_ref().map(|address| {
        ExternalReferences(vec![ExternalReference::new(ExternalReferenceType::Vcs, Uri::new(address))])
    });
    Ok(component)
}

#[cfg(test)]
mod tests {
    use super::super::tree::{LAMBDA, NPM, OWNPOST};
    use super::*;
    use serde_json::Value;

    #[test]
    fn a_bill_has_every_part_and_is_the_same_each_time() -> Result<()> {
        for artefact in [LAMBDA, OWNPOST, NPM] {
            let tree = Tree::of(&artefact)?;
            let bill = write(&artefact, "0.1.0", &tree)?;
            assert_eq!(bill, write(&artefact, "0.1.0", &Tree::of(&artefact)?)?);
            assert_ne!(bill, write(&artefact, "0.1.1", &tree)?);
            let bill: Value = serde_json::from_slice(&bill)?;
            let components = bill["components"].as_array().unwrap();
            assert_eq!(components.len(), tree.parts.len());
            for component in components {
                let (purl, hashes) = (component["purl"].as_str().unwrap(), &component["hashes"]);
                assert_eq!(purl.starts_with("pkg:cargo/"), hashes[0]["alg"] == "SHA-256", "{purl}");
            }
            let referred: Vec<_> =
                bill["dependencies"].as_array().unwrap().iter().map(|entry| &entry["ref"]).collect();
            assert_eq!(referred.len(), components.len() + 1);
            let text = bill.to_string();
            assert!(!text.contains("timestamp") && !text.contains("file://") && !text.contains("/.cargo/"));
        }
        Ok(())
    }
}
