CREATE TABLE `webhook_deliveries` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`webhook_id` integer NOT NULL,
	`message_id` text NOT NULL,
	`kind` text NOT NULL,
	`state` text DEFAULT 'waiting' NOT NULL,
	`filter` text NOT NULL,
	`ledger_from` integer NOT NULL,
	`ledger_through` integer NOT NULL,
	`outbox_from` integer NOT NULL,
	`outbox_through` integer NOT NULL,
	`events` integer NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	`created_at` integer NOT NULL,
	`next_at` integer,
	`attempted_at` integer,
	`status` integer DEFAULT 0 NOT NULL,
	`error` text DEFAULT '' NOT NULL,
	`ms` integer DEFAULT 0 NOT NULL,
	`response` text DEFAULT '' NOT NULL,
	FOREIGN KEY (`webhook_id`) REFERENCES `webhooks`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `webhook_deliveries_webhook` ON `webhook_deliveries` (`webhook_id`,`id`);--> statement-breakpoint
CREATE INDEX `webhook_deliveries_waiting` ON `webhook_deliveries` (`webhook_id`,`kind`) WHERE state = 'waiting';--> statement-breakpoint
CREATE TABLE `webhook_outbox` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` integer NOT NULL,
	`type` text NOT NULL,
	`campaign_id` integer NOT NULL,
	`ledger_id` integer NOT NULL,
	`detail` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `webhooks` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`name` text NOT NULL,
	`url` text NOT NULL,
	`filter` text NOT NULL,
	`batch_size` integer NOT NULL,
	`disabled` text,
	`disabled_at` integer,
	`secret` text NOT NULL,
	`secret_at` integer NOT NULL,
	`previous_secret` text,
	`previous_until` integer,
	`ledger_id` integer NOT NULL,
	`outbox_id` integer NOT NULL,
	`failing_since` integer,
	`created_at` integer DEFAULT (unixepoch('subsec') * 1000) NOT NULL,
	`updated_at` integer DEFAULT (unixepoch('subsec') * 1000) NOT NULL
);
--> statement-breakpoint
CREATE TRIGGER `campaigns_ended` AFTER UPDATE OF `state` ON `campaigns`
WHEN NEW.`state` IN ('finished', 'cancelled') AND OLD.`state` <> NEW.`state` BEGIN
	INSERT INTO `webhook_outbox` (`at`, `type`, `campaign_id`, `ledger_id`, `detail`)
	SELECT
		CAST(unixepoch('subsec') * 1000 AS INTEGER),
		iif(NEW.`state` = 'finished', 'campaign.finished', 'campaign.aborted'),
		NEW.`id`,
		coalesce((SELECT `ledger_id` FROM `fold_cursors` WHERE `name` = 'campaigns'), 0),
		json_object(
			'campaignName', NEW.`name`,
			'delivered', coalesce((SELECT `delivered` FROM `campaign_stats` WHERE `campaign_id` = NEW.`id`), 0),
			'bounced', coalesce((SELECT `bounced` FROM `campaign_stats` WHERE `campaign_id` = NEW.`id`), 0),
			'suppressed', coalesce((SELECT `suppressed` FROM `campaign_stats` WHERE `campaign_id` = NEW.`id`), 0)
		);
END;
