/** A reply that says nothing but "no more". Above the quoted mail, and short: a question about unsubscribing is for people. */

const QUOTE_BEGINS =
  /^\s*(?:>|[-_=]{4,}|on .{5,120}(?:wrote|writes)\s*:?\s*$|.{0,120}(?:wrote|schrieb|a écrit|escribió|ha scritto)\s*:\s*$|from:\s|差出人|送信者|\d{4}\s*[年/.-].{3,80}[:：]\s*$|.{0,80}(?:さん(?:が|は|の)|のメール).{0,20}[:：]\s*$|sent from my |iphoneから送信|-- ?$)/i;

const COMMAND =
  /^(?:please |pls |kindly |just )?(?:un-?subscribe(?: me| us)?(?: please)?|stop(?: all| it)?|stop (?:sending|mailing|e-?mailing|contacting)(?: me)?(?: (?:e-?mails?|mails?|these|this|any ?more))*|remove(?: me| my (?:e-?mail|address|name))?(?: please)?(?: from (?:your|this|the) (?:mailing )?list)?|opt[- ]?out|take me off(?: (?:your|this|the) (?:mailing )?list)?|cancel(?: my)? subscription|no more (?:e-?mails?|mails?)|desuscribir(?:me)?|baja|abmelden|abbestellen|désabonner|désinscription|disiscrivi(?:mi)?|cancellami|退订|取消订阅|수신거부)(?: please| thanks| thank you)?$/i;

const COMMAND_JA =
  /^(?:(?:今後|以後|もう|この|メール(?:マガジン)?|メルマガ|ニュースレター|案内|ご案内|お知らせ|広告|配信|購読|登録|会員|の|は|を|が|、|，|,|\s)*)(?:配信|購読|登録|送信|受信|メール|メルマガ|ご?案内)?(?:の|を|は|が)?(?:停止|解除|中止|退会|不要|拒否|お断り|ストップ|やめて|止めて|削除|要りません|いりません|いらない|必要ありません)(?:希望|依頼|手続き)?(?:を|の|に)?(?:して|お願い|希望|です|ます|いたし|致し|し|ください|下さい|願い|申し上げ|たい|と思い|手続き|処理|お手続き|よろしく|宜しく|ほし|欲し|い|を|の|と|存じ|いただ|頂|け|き|れば|幸い|ご|、|\s)*$/;

/** `subject` and `text` decoded. */
export function asksToUnsubscribe(subject: string, text: string): boolean {
  const lines: string[] = [];
  for (const line of text.slice(0, 4000).split('\n')) {
    if (QUOTE_BEGINS.test(line)) break;
    if (line.trim() !== '') lines.push(line.trim());
    if (lines.length > 8) break;
  }
  const words = lines.join(' ');
  // A salutation and a name are allowed around it.
  if (words.length > 160 || lines.length > 6) return false;
  if (lines.some((line) => isCommand(line))) return true;
  const bare = subject.replace(/^\s*(?:(?:re|fw|fwd)\s*:\s*)+/i, '');
  const isReply = bare.trim() !== subject.trim();
  return !isReply && isCommand(bare) && words.length <= 80;
}

function isCommand(line: string): boolean {
  const plain = line
    .normalize('NFKC')
    .replace(/[.!。！…"'「」『』()（）*\s]+$/u, '')
    .replace(/^["'「『(（*\s]+/u, '');
  return plain.length <= 60 && (COMMAND.test(plain) || COMMAND_JA.test(plain));
}
