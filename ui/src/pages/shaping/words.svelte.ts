/** Limits and triggers in words. */
import type { BackoffTrigger } from '../../../../server/delivery/schemas.ts';
import { duration, number, t } from '../../lib/i18n.svelte.ts';
import { type Limit, shownValue } from './limits.ts';
import { readable } from './pattern.ts';

/** `20 通/秒`, `はい`, `制限なし`; a yes or no that nobody has set is a no */
export function limitText(limit: Limit, value: number | boolean | null): string {
  if (value === null)
    return t(
      limit.scale === undefined
        ? 'shaping.no'
        : limit.name === 'suspendOnFailedConnection'
          ? 'shaping.noRest'
          : 'shaping.noLimit',
    );
  const shown = shownValue(limit, value);
  if (typeof shown === 'boolean') return t(shown ? 'shaping.yes' : 'shaping.no');
  return t(
    `shaping.amount.${limit.name as Exclude<Limit['name'], 'providerWide' | 'tlsRequired' | 'avoidTopOfHour'>}`,
    {
      n: number(shown, limit.digits ?? 0),
    },
  );
}

/** 「unusual rate」を含む応答が 1 時間に 2 回 */
export function triggerWhen(trigger: BackoffTrigger): string {
  const texts = readable(trigger.match).map((text) => t('shaping.trigger.quoted', { text }));
  const match = texts.join(t('shaping.trigger.or'));
  return trigger.times === 1
    ? t('shaping.trigger.once', { match })
    : t('shaping.trigger.times', { match, within: duration(trigger.withinSeconds), times: trigger.times });
}

/** 30 分間、送信を休む */
export function triggerThen({ action, forSeconds }: BackoffTrigger): string {
  const span =
    forSeconds === 0
      ? t('shaping.trigger.untilLifted')
      : t('shaping.trigger.span', { span: duration(forSeconds) });
  switch (action.type) {
    case 'suspend':
      return t('shaping.trigger.suspend', { span });
    case 'rate':
      return action.connections === undefined
        ? t('shaping.trigger.rate', { span, n: number(action.perMinute, 2) })
        : t('shaping.trigger.rateAndConnections', {
            span,
            n: number(action.perMinute, 2),
            c: action.connections,
          });
    case 'connections':
      return t('shaping.trigger.connections', { span, n: action.count });
    case 'reconnect':
      return t('shaping.trigger.reconnect');
    case 'recipient-only':
      return t('shaping.trigger.recipientOnly');
    case 'pause-sending-domain':
      return t('shaping.trigger.pauseSendingDomain', { span });
  }
}
