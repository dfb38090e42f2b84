mod aliases;
mod budgets;
mod cursors;
mod keys;
mod pricing;
mod settings;
mod usage;
mod users;
