ALTER TABLE `sending_domains` ADD `checks` text;--> statement-breakpoint
ALTER TABLE `sending_domains` ADD `checked_at` integer;