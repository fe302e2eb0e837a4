import { label, t } from '../../lib/i18n.svelte.ts';
import { notices } from '../../lib/notices.svelte.ts';

/** Mailing somebody again who complained or bounced must be a decision, not a slip. */
export function askToLift(email: string, origin: string): Promise<boolean> {
  return notices.ask({
    title: t('suppressions.liftTitle', { email }),
    lines: [label('suppressionLift', origin), t('suppressions.liftText')],
    confirm: t('suppressions.lift'),
    danger: true,
  });
}
