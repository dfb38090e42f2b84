//! A DNS server on UDP that answers by script, and a resolver that asks it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use otari_tools::url_guard::Resolve;
use parking_lot::Mutex;
use tokio::net::UdpSocket;

/// Serves answers one query after another; the last answer stays.
#[derive(Debug)]
pub(crate) struct DnsServer {
    address: SocketAddr,
    queries: Arc<Mutex<Vec<String>>>,
}

impl DnsServer {
    pub(crate) async fn start(answers: Vec<Vec<Ipv4Addr>>) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let address = socket.local_addr().expect("a bound socket");
        let queries = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&queries);
        tokio::spawn(async move {
            let mut packet = [0; 512];
            while let Ok((length, peer)) = socket.recv_from(&mut packet).await {
                let query = &packet[..length];
                let asked = {
                    let mut log = log.lock();
                    log.push(name_of(query));
                    log.len()
                };
                let answer = &answers[(asked - 1).min(answers.len() - 1)];
                let _ = socket.send_to(&reply(query, answer), peer).await;
            }
        });
        Self { address, queries }
    }

    pub(crate) fn queries(&self) -> Vec<String> {
        self.queries.lock().clone()
    }

    pub(crate) fn resolver(&self) -> UdpResolver {
        UdpResolver(self.address)
    }
}

fn name_of(query: &[u8]) -> String {
    let mut labels = Vec::new();
    let mut at = 12;
    while query[at] != 0 {
        let length = usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..=at + length]).into_owned());
        at += length + 1;
    }
    labels.join(".")
}

/// RFC 1035 §4: the question repeated, then one A record an address, with a lifetime of zero.
fn reply(query: &[u8], addresses: &[Ipv4Addr]) -> Vec<u8> {
    let mut packet = query.to_vec();
    packet[2..4].copy_from_slice(&[0x81, 0x80]);
    packet[6..8].copy_from_slice(&u16::try_from(addresses.len()).expect("few").to_be_bytes());
    for address in addresses {
        packet.extend_from_slice(&[0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        packet.extend_from_slice(&address.octets());
    }
    packet
}

/// Asks for A records, as a stub resolver without a cache does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UdpResolver(SocketAddr);

impl Resolve for UdpResolver {
    fn resolve(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let server = self.0;
        Box::pin(async move {
            let socket = UdpSocket::bind("127.0.0.1:0").await?;
            let mut query = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
            for label in name.split('.') {
                query.push(u8::try_from(label.len()).expect("a short label"));
                query.extend_from_slice(label.as_bytes());
            }
            query.extend_from_slice(&[0, 0, 1, 0, 1]);
            socket.send_to(&query, server).await?;
            let mut packet = [0; 512];
            let (length, _) = socket.recv_from(&mut packet).await?;
            let records = packet[query.len()..length].chunks_exact(16);
            let octets = records.map(|record| [record[12], record[13], record[14], record[15]]);
            Ok(octets
                .map(|octets| IpAddr::from(Ipv4Addr::from(octets)))
                .collect())
        })
    }
}
