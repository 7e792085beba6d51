//! A row as a store keeps it that charges for each started kilobyte: its JSON, deflated (RFC 1951). A mail's row then stays
//! below one write unit of DynamoDB through its whole life.

use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use ownpost_domain::delivery::Delivery;

/// More than any row has; what grows beyond it is not a row.
const LARGEST: usize = 1024 * 1024;
/// Slower levels save a hundredth.
const LEVEL: u8 = 6;

/// Packs a row.
///
/// # Errors
/// It cannot be written as JSON.
pub fn pack(row: &Delivery) -> Result<Vec<u8>, serde_json::Error> {
    Ok(compress_to_vec(&serde_json::to_vec(row)?, LEVEL))
}

/// Unpacks a row.
///
/// # Errors
/// The bytes are not those of a row: why.
pub fn unpack(packed: &[u8]) -> Result<Delivery, String> {
    let json = decompress_to_vec_with_limit(packed, LARGEST).map_err(|error| error.to_string())?;
    serde_json::from_slice(&json).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use ownpost_domain::delivery::Status;

    use super::*;
    use crate::testing::world::World;

    #[tokio::test(start_paused = true)]
    async fn a_row_comes_back_as_it_was_and_takes_half_the_space() {
        let world = World::new();
        world.accept("e1", &["jan@example.org"]).await;
        while world.work().await > 0 {}
        let row = world.row();
        assert_eq!(row.status, Status::Sent);
        let packed = pack(&row).unwrap();
        assert_eq!(unpack(&packed).unwrap(), row);
        let json = serde_json::to_vec(&row).unwrap().len();
        assert!(packed.len() * 10 < json * 7, "{} of {json} bytes", packed.len());
        for bad in [
            &packed[..packed.len() - 1],
            &[],
            &compress_to_vec(b"{}", LEVEL),
            &compress_to_vec(&vec![0; LARGEST + 1], 1),
        ] {
            assert!(unpack(bad).is_err());
        }
    }
}
