mod chat;
mod chat_errors;
mod chat_stream;
mod embeddings;
mod messages;
mod models;
mod responses;
mod routing;
