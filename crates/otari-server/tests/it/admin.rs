mod budgets;
mod keys;
mod pricing;
mod usage;
mod users;
