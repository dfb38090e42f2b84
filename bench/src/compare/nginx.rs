//! nginx as a plain reverse proxy.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;

use super::setup::{Access, Setup};
use super::write;
use crate::figures::NGINX;
use crate::process::free_address;

pub(super) fn setup(program: &Path, dir: &Path, upstream: SocketAddr) -> Result<Setup> {
    let address = free_address()?;
    let config = dir.join("nginx.conf");
    write(&config, &configuration(dir, address, upstream))?;
    Ok(Setup {
        name: NGINX,
        program: program.to_owned(),
        arguments: vec![
            "-c".into(),
            config.into(),
            "-e".into(),
            dir.join("nginx-error.log").into(),
        ],
        environment: Vec::new(),
        log: dir.join("nginx.log"),
        address,
        access: Access::default(),
    })
}

/// One worker per core, keep-alive on both sides, nothing logged, nothing held back.
fn configuration(dir: &Path, address: SocketAddr, upstream: SocketAddr) -> String {
    let dir = dir.display();
    format!(
        r"daemon off;
worker_processes auto;
worker_rlimit_nofile 16384;
pid {dir}/nginx.pid;
error_log {dir}/nginx-error.log error;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {dir}/nginx-body;
  proxy_temp_path {dir}/nginx-proxy;
  fastcgi_temp_path {dir}/nginx-fastcgi;
  uwsgi_temp_path {dir}/nginx-uwsgi;
  scgi_temp_path {dir}/nginx-scgi;
  client_max_body_size 32m;
  keepalive_requests 100000000;
  upstream mock {{ server {upstream}; keepalive 64; keepalive_requests 100000000; }}
  server {{
    listen {address};
    location = /health {{ return 200; }}
    location / {{
      proxy_pass http://mock;
      proxy_http_version 1.1;
      proxy_set_header Connection '';
      proxy_buffering off;
    }}
  }}
}}
"
    )
}
