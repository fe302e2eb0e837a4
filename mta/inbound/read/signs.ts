/** What shows, before any recipient is read, what kind of mail it is. Words in the languages that mail servers and people use. */
import { findAddresses } from './addresses.ts';
import { type Entity, fieldOf, shown } from './entity.ts';

const DAEMON =
  /mailer-?daemon|postmaster|mail ?(?:delivery|system|administrator|admin|adm)\b|mail deliver|delivery (?:sub)?system|maildelivery|mdaemon|nondelivery|undeliver|mailsystem|\bsmtp(?:d|32)?@|mail-?daemon|bounce(?:d|s)? (?:mail|message)|exchange|system (?:administrator|attendant)|e?mail delivery|\bmta\b|mail router|uucp|smail|lotus|courier|sysadmin@|post_master|staff@hotmail|mail gateway|no-?reply@.*(?:dion|ezweb|au)|システム管理者|メール(?:配信)?システム/i;

const BOUNCE_SUBJECT =
  /undeliver|not delivered|returned? (?:e-?)?mail|(?:e-?)?mail return|returned to sender|delivery (?:status|fail|problem|report|err|notif|has failed|was not|unsuccess|incomplete|to the)|failure (?:notice|delivery|report)|fail(?:ed|ure)?(?:ed)? (?:mail|delivery|to deliver|message)|(?:e-?)?mail (?:delivery |system |server )?(?:error|fail|could not|not deliver|delivery|problem)|(?:could|can|was) ?n.?t (?:be )?(?:deliver|send|sent)|could not (?:be )?(?:deliver|send|sent)|non[- ]?deliver|bounced? (?:mail|message)|message (?:status|not deliver|could|delivery|bounced|undeliver|rejected|frozen|blocked)|unzustellbar|nicht zugestellt|unzustellbarkeit|zustellung|non[_ ]?remis|non distribu|échec|impossible de (?:remettre|distribuer)|non recapitabile|mancato recapito|no se puede entregar|no entregado|devuelto|não entregue|falha (?:na|de) entrega|onbestelbaar|niet bezorgd|niedostarczon|nie doręczon|недостав|не доставлен|kan inte lever|kunne ikke lever|配信(?:不能|不可|できません|エラー|失敗|に失敗|状況)|配信されません|送信(?:エラー|失敗|できません|不能)|送信者に返却|エラーメール|不達|未送達|배달|반송|退信|系统退信|無法傳遞|无法(?:投递|送达)|未送达|posta.*iletilemedi|teslim edilemedi/i;

const DELAY_WORDS =
  /(?:has|have|is|was|been|being) (?:currently |temporarily )?(?:delayed|deferred|postponed|held up)|not (?:yet )?been delivered( yet)?|delay(?:ed)? (?:for|reason|in|by|notification|delivery)|delivery (?:is |was )?delayed|delivery delayed|warning: (?:message|could not send|mail)|warning message only|still (?:being retried|trying|in the queue|unable)|(?:will|shall) (?:continue|keep|be (?:re)?tried|retry|try)|do(?:es)? not need to (?:resend|send)|no action is required on your part|will be re-?tried|delivery attempts will (?:continue|be)|advisory-only|just a warning|verzögert|retardé|retrasad|ritardat|遅延|遅れて/i;

const DELAY_SUBJECT = /warning: |delayed|delay\b|遅延|verzögert|retardé|still (?:being )?(?:retried|trying)/i;

const FAILED_WORDS =
  /permanent(?:ly)? (?:fatal )?(?:error|fail)|given up|giving up|failed permanently|delivery.{0,40}failed|(?<!non-)fatal error|was not delivered to|could not be delivered to one or more|undeliverable|did not reach|returned to (?:the )?sender|message was rejected|unable to deliver your message/i;

/** A sentence with which a report begins. */
const BOUNCE_WORDS =
  /(?:could ?n.?t|could not|can ?not|can.t|was not|were not|not be|unable to|wasn.t|has not been|have not been|not) (?:be )?(?:able to )?(?:been )?(?:successfully )?(?:deliver|reach|relay|sent\b|send\b|route)|delivery (?:to the following|has failed|failed|status notification|failure|error|was aborted|problem)|undeliver|(?:following|these|this) (?:address|recipient)(?:\(?e?s\)?)?(?:\(s\))?.{0,60}(?:fail|problem|error|not|reject|unknown|invalid|undeliver)|had (?:permanent|delivery|problems)|did(?: not|n.t) (?:reach|receive)|failed recipient|failed address|returned (?:mail|message|to sender)|message (?:bounced|returned)|permanent error|mail(?:er)?.?daemon|delivery problems|was rejected|no such user|unknown user|user unknown|mailbox (?:full|unavailable)|failed to (?:deliver|send|reach)|mail system error|has been (?:rejected|returned|bounced|blocked)|we had trouble delivering|problem with the e-?mail address|no valid recipients|(?:address|domain) (?:could ?n.t|could not) be found|may not exist|transcript of session|non recapit|n.a (?:pas )?pu être|nicht zugestellt|no se pudo entregar|не может быть доставлен|не удалось доставить|配信(?:不能|できません|されません|に失敗)|送信できません|届きません|届けられません|お届けできません|送達できません|送信エラー|無法|无法|退回/i;

const AUTO_SUBJECT =
  /^(?:(?:re|aw|antw|sv|vs|fw|fwd|ris|rv|odp)\s*[:：]\s*)*(?:\[?auto(?:matic)?[- ]?(?:re(?:ply|sponse|sponder)|generated|mated)\]?|auto:|automated (?:re(?:ply|sponse)|acknowledg)|out[- ]of[- ](?:the[- ])?office|ooo\b|away from|on (?:vacation|holiday|leave)|vacation|i am (?:away|out|on)|(?:automatische|automatisch) (?:antwort|antwoord|abwesenheit)|abwesen|automatisk|autosvar|autovastaus|automaattinen|réponse automatique|absence|absent|en congé|risposta automatica|fuori (?:sede|ufficio)|respuesta autom|fuera de (?:la )?oficina|resposta autom|ausência|automatyczna|autoodpowied|nieobecn|автоответ|автоматическ|otomatik|自動(?:返信|応答|送信|配信|回覆|回复)|【?不在|【自動|休暇|外出中|お問い?合わせ(?:ありがとう|受付|を受け)|自动(?:回复|答复)|자동\s?(?:응답|회신)|부재)/i;
const AUTO_SUBJECT_ANYWHERE =
  /自動返信|自動応答|不在(?:通知|連絡|のお知らせ|の連絡|です|にして)|out of office|automatic reply|auto-?reply|abwesenheitsnotiz|réponse automatique/i;

const VACATION_FIELDS = [
  ...['x-autoreply', 'x-autorespond', 'x-autoresponder', 'x-autoreply-from', 'x-mail-autoreply'],
  'x-vacation',
];

export interface Signs {
  /** how sure it is, from head fields alone, that a mail server reports: 0 not at all, 2 and more rather */
  bounce: number;
  /** an automaton answers for a person */
  autoReply: boolean;
  /** the auto-reply fields or words are such that a mail server cannot have written them */
  surelyAutoReply: boolean;
}

export function signsOf(root: Entity): Signs {
  const from = shown(root, 'from');
  const subject = shown(root, 'subject').slice(0, 500);
  const sender = findAddresses(from)[0]?.address ?? '';
  const daemon = DAEMON.test(from);
  const bounceSubject = BOUNCE_SUBJECT.test(subject);
  const field = (name: string): string => fieldOf(root.fields, name).toLowerCase();
  const emptyReturnPath = /^<\s*>/.test(field('return-path'));
  const report =
    root.type === 'multipart/report' && !/disposition|feedback/.test(root.params.get('report-type') ?? '');
  let bounce = 0;
  if (daemon) bounce += 2;
  if (bounceSubject) bounce += 2;
  if (field('x-failed-recipients') !== '') bounce += 3;
  if (report) bounce += 3;
  if (emptyReturnPath || sender === '') bounce += 1;
  if (field('received').includes('invoked for bounce')) bounce += 2;

  const autoSubject = AUTO_SUBJECT.test(subject.trim()) || AUTO_SUBJECT_ANYWHERE.test(subject);
  const autoSubmitted = /^auto-(?:replied|generated|notified)/.test(field('auto-submitted'));
  const vacationFields =
    VACATION_FIELDS.some((name) => field(name) !== '') ||
    /vacation/.test(field('x-apple-action')) ||
    /vacation/.test(field('auto-submitted')) ||
    /reply/.test(field('x-autogenerated')) ||
    /auto_reply|auto-reply/.test(field('precedence')) ||
    /auto_reply/.test(field('preference'));
  const person = !daemon && !report && field('x-failed-recipients') === '';
  return {
    bounce,
    autoReply: person && (autoSubject || vacationFields || (autoSubmitted && !bounceSubject)),
    surelyAutoReply: person && !bounceSubject && (autoSubject || vacationFields),
  };
}

/** Does the text read like a report of failure? Looks at its first 4,000 characters. */
export function soundsLikeBounce(text: string): boolean {
  return BOUNCE_WORDS.test(text.slice(0, 4000));
}

/** A report that the mail is late and still being tried; a word of failure for good outweighs it. */
export function soundsLikeDelay(subject: string, text: string): boolean {
  const words = text.slice(0, 4000).replace(/\s+/g, ' ');
  if (FAILED_WORDS.test(words)) return false;
  if (DELAY_SUBJECT.test(subject) && !/fail/i.test(subject)) return true;
  return DELAY_WORDS.test(words) && !FAILED_WORDS.test(subject);
}
