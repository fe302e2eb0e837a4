ALTER TABLE `sending_domains` DROP COLUMN `dkim_selector`;--> statement-breakpoint
ALTER TABLE `sending_domains` DROP COLUMN `dkim_private_key`;--> statement-breakpoint
ALTER TABLE `sending_domains` DROP COLUMN `dkim_public_key`;