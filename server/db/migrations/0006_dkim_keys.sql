CREATE TABLE `dkim_keys` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`sending_domain_id` integer NOT NULL,
	`selector` text NOT NULL,
	`algorithm` text NOT NULL,
	`private_key` text NOT NULL,
	`public_key` text NOT NULL,
	`state` text NOT NULL,
	`created_at` integer DEFAULT (unixepoch('subsec') * 1000) NOT NULL,
	`activated_at` integer,
	`retire_at` integer,
	FOREIGN KEY (`sending_domain_id`) REFERENCES `sending_domains`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `dkim_keys_selector` ON `dkim_keys` (`sending_domain_id`,`selector`);--> statement-breakpoint
ALTER TABLE `sending_domains` ADD `dmarc_policy` text DEFAULT 'none' NOT NULL;--> statement-breakpoint
ALTER TABLE `sending_domains` ADD `dmarc_reports` text DEFAULT '' NOT NULL;--> statement-breakpoint
INSERT INTO `dkim_keys` (`sending_domain_id`, `selector`, `algorithm`, `private_key`, `public_key`, `state`, `created_at`, `activated_at`)
SELECT `id`, `dkim_selector`, 'rsa-2048', `dkim_private_key`, `dkim_public_key`, 'active', `created_at`, `created_at` FROM `sending_domains`;--> statement-breakpoint
UPDATE `sending_domains` SET `checks` = NULL, `checked_at` = NULL;
