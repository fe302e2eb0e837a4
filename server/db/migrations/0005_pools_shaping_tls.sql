CREATE TABLE `ip_pools` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`name` text NOT NULL,
	`sources` text NOT NULL,
	`created_at` integer DEFAULT (unixepoch('subsec') * 1000) NOT NULL,
	`updated_at` integer DEFAULT (unixepoch('subsec') * 1000) NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `ip_pools_name_unique` ON `ip_pools` (`name`);--> statement-breakpoint
CREATE TABLE `ip_sources` (
	`address` text PRIMARY KEY NOT NULL,
	`ehlo` text NOT NULL,
	`warm_up` text
);
--> statement-breakpoint
CREATE TABLE `shaping_overrides` (
	`provider` text PRIMARY KEY NOT NULL,
	`label` text,
	`mx` text,
	`domains` text,
	`limit_values` text DEFAULT '{}' NOT NULL,
	`backoff` text,
	`updated_at` integer DEFAULT (unixepoch('subsec') * 1000) NOT NULL
);
--> statement-breakpoint
CREATE TABLE `tls_rules` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`match` text NOT NULL,
	`mode` text NOT NULL,
	`created_at` integer DEFAULT (unixepoch('subsec') * 1000) NOT NULL,
	`updated_at` integer DEFAULT (unixepoch('subsec') * 1000) NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `tls_rules_match_unique` ON `tls_rules` (`match`);--> statement-breakpoint
ALTER TABLE `campaigns` ADD `pool_id` integer REFERENCES ip_pools(id) ON DELETE SET NULL;--> statement-breakpoint
ALTER TABLE `sending_domains` ADD `pool_id` integer REFERENCES ip_pools(id);