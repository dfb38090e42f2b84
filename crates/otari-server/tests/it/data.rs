mod chat;
mod chat_errors;
mod chat_stream;
mod models;
