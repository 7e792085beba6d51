//! A name server on loopback that gives the same answer for every name, except for TXT records.

#![allow(clippy::missing_panics_doc, reason = "a test helper panics to fail the test")]

use std::net::{IpAddr, SocketAddr};

use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, TXT};
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use tokio::net::UdpSocket;

/// Starts the server. `answer` holds addresses separated by spaces, or `NXDOMAIN`, `NODATA`, `SERVFAIL`, `SILENCE`, or
/// `DROPS-AAAA` and addresses for a server that does not answer questions for AAAA; then, after each ` | `, a TXT record as
/// `name=text`.
pub async fn start(answer: &str) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let address = socket.local_addr().expect("its address");
    let answer = answer.to_owned();
    tokio::spawn(async move {
        let mut buffer = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let Ok(question) = Message::from_vec(&buffer[..length]) else { continue };
            if answer == "SILENCE" {
                continue;
            }
            let dropped = answer.strip_prefix("DROPS-AAAA ");
            if dropped.is_some()
                && question.queries.iter().any(|query| query.query_type() == RecordType::AAAA)
            {
                continue;
            }
            let reply = reply(&question, dropped.unwrap_or(&answer));
            let _ = socket.send_to(&reply.to_vec().expect("a message"), from).await;
        }
    });
    address
}

fn reply(question: &Message, answer: &str) -> Message {
    let mut reply = Message::response(question.metadata.id, question.metadata.op_code);
    reply.metadata.message_type = MessageType::Response;
    reply.metadata.recursion_desired = true;
    reply.metadata.recursion_available = true;
    reply.queries.clone_from(&question.queries);
    let mut parts = answer.split(" | ");
    let answer = parts.next().unwrap_or_default();
    if let Some(query) = question.queries.iter().find(|query| query.query_type() == RecordType::TXT) {
        let asked = query.name().to_ascii();
        for (name, text) in parts.filter_map(|part| part.split_once('=')) {
            if asked.trim_end_matches('.') == name {
                let data = RData::TXT(TXT::new(vec![text.to_owned()]));
                reply.add_answer(Record::from_rdata(query.name().clone(), 60, data));
            }
        }
        return reply;
    }
    match answer {
        "NXDOMAIN" => reply.metadata.response_code = ResponseCode::NXDomain,
        "SERVFAIL" => reply.metadata.response_code = ResponseCode::ServFail,
        "NODATA" => {}
        addresses => {
            for query in &question.queries {
                for address in addresses.split(' ').map(|text| text.parse().expect("an address")) {
                    let data = match address {
                        IpAddr::V4(v4) if query.query_type() == RecordType::A => RData::A(A(v4)),
                        IpAddr::V6(v6) if query.query_type() == RecordType::AAAA => RData::AAAA(AAAA(v6)),
                        _ => continue,
                    };
                    reply.add_answer(Record::from_rdata(query.name().clone(), 60, data));
                }
            }
        }
    }
    reply
}
