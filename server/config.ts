/**
 * The environment, read once at start. Every problem is named at once, with the variable, its value and what it
 * should be, so that an operator fixes all of them in one go. `.env.example` explains each variable.
 */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { createSecureContext } from 'node:tls';

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Ports {
  admin: number;
  public: number;
  inbound: number;
  submission: number;
}

export interface Config {
  /** address that the listeners bind to */
  host: string;
  /** As asked for (0: any free port); main.ts writes the real ones in once it listens. */
  ports: Ports;
  /** absolute path */
  dataDir: string;
  /** base of links in mails, without trailing slash; see settings for what is in force */
  publicUrl: string;
  /** TODOKE_PUBLIC_URL is set and wins over the settings */
  publicUrlFixed: boolean;
  /** of the first boot; without a password one is made and printed once */
  admin: { email: string; password: string | undefined };
  /** set: wins over the settings */
  delivery: 'sandbox' | 'live' | undefined;
  /** `ip:port`, IPv6 as `[ip]:port`; empty: the system's resolvers */
  dns: string[];
  /** of the MTA to other servers at a time, which reads the variable itself; undefined: what suits the limit of open files */
  connections: number | undefined;
  log: LogLevel;
  /** PEM files that STARTTLS shows; undefined: a self-signed certificate is made */
  smtpCertificate: { cert: string; key: string } | undefined;
  /** proxies whose X-Forwarded-* headers are believed, as Fastify's `trustProxy`; empty: none */
  trustProxy: string[];
}

export interface ConfigProblem {
  variable: string;
  /** undefined for secrets */
  value: string | undefined;
  expected: string;
}

export class ConfigError extends Error {
  readonly problems: ConfigProblem[];
  constructor(problems: ConfigProblem[]) {
    super(
      problems
        .map(
          (p) => `${p.variable}${p.value === undefined ? '' : `=${JSON.stringify(p.value)}`}: ${p.expected}`,
        )
        .join('\n'),
    );
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

export const PASSWORD_MIN = 10;
export const PASSWORD_MAX = 200;
const PROXY_PRESETS = ['loopback', 'linklocal', 'uniquelocal'];

/**
 * Reads the TODOKE_ variables. An empty variable counts as unset, because compose files write `X: ${X:-}`.
 * @throws ConfigError naming every bad variable
 */
export function readConfig(env: Record<string, string | undefined>): Config {
  const problems: ConfigProblem[] = [];
  const get = (variable: string): string | undefined => env[variable]?.trim() || undefined;
  /** Parses a variable, or takes the fallback; a parser answers undefined for a value it does not take. */
  const read = <T>(
    variable: string,
    fallback: T,
    expected: string,
    parse: (value: string) => T | undefined,
  ): T => {
    const value = get(variable);
    if (value === undefined) return fallback;
    const parsed = parse(value);
    if (parsed !== undefined) return parsed;
    problems.push({ variable, value, expected });
    return fallback;
  };
  const port = (variable: string, fallback: number) =>
    read(variable, fallback, 'should be a port number from 1 to 65535, or 0 for any free port', parsePort);

  const ports: Ports = {
    admin: port('TODOKE_ADMIN_PORT', 8080),
    public: port('TODOKE_PUBLIC_PORT', 8081),
    inbound: port('TODOKE_INBOUND_PORT', 2525),
    submission: port('TODOKE_SUBMISSION_PORT', 2587),
  };
  const variableOf: Record<keyof Ports, string> = {
    admin: 'TODOKE_ADMIN_PORT',
    public: 'TODOKE_PUBLIC_PORT',
    inbound: 'TODOKE_INBOUND_PORT',
    submission: 'TODOKE_SUBMISSION_PORT',
  };
  const taken = new Map<number, string>();
  for (const name of Object.keys(ports) as (keyof Ports)[]) {
    const other = taken.get(ports[name]);
    if (other && ports[name] !== 0) {
      problems.push({
        variable: variableOf[name],
        value: String(ports[name]),
        expected: `should differ from ${other}, which is the same port`,
      });
    }
    taken.set(ports[name], variableOf[name]);
  }

  const password = env.TODOKE_ADMIN_PASSWORD || undefined;
  if (password !== undefined && (password.length < PASSWORD_MIN || password.length > PASSWORD_MAX)) {
    problems.push({
      variable: 'TODOKE_ADMIN_PASSWORD',
      value: undefined,
      expected: `should have ${PASSWORD_MIN} to ${PASSWORD_MAX} characters, but has ${password.length}`,
    });
  }

  const publicUrl = read('TODOKE_PUBLIC_URL', undefined, PUBLIC_URL_EXPECTED, parsePublicUrl);
  const config: Config = {
    host: read(
      'TODOKE_HOST',
      '0.0.0.0',
      'should be an IP address of this machine, such as 0.0.0.0 or 127.0.0.1',
      (v) => (isIP(v) ? v : undefined),
    ),
    ports,
    dataDir: resolve(get('TODOKE_DATA_DIR') ?? './data'),
    publicUrl: publicUrl ?? `http://localhost:${ports.public}`,
    publicUrlFixed: publicUrl !== undefined,
    admin: {
      email: read(
        'TODOKE_ADMIN_EMAIL',
        'admin@localhost',
        'should be an email address, such as it@example.co.jp',
        (v) => (/^[^\s@]+@[^\s@]+$/.test(v) && v.length <= 320 ? v : undefined),
      ),
      password,
    },
    delivery: read('TODOKE_DELIVERY', undefined, 'should be "sandbox" or "live"', (v) =>
      v === 'sandbox' || v === 'live' ? v : undefined,
    ),
    dns: read(
      'TODOKE_DNS',
      [],
      'should be resolvers as ip:port, separated by commas, such as 192.0.2.53:53',
      parseDns,
    ),
    connections: read('TODOKE_CONNECTIONS', undefined, 'should be a number from 20 to 50000', (v) =>
      /^\d{2,5}$/.test(v) && Number(v) >= 20 && Number(v) <= 50_000 ? Number(v) : undefined,
    ),
    log: read('TODOKE_LOG', 'info', `should be one of ${LOG_LEVELS.join(', ')}`, (v) =>
      LOG_LEVELS.find((level) => level === v),
    ),
    smtpCertificate: readSmtpCertificate(get, problems),
    trustProxy: read(
      'TODOKE_TRUST_PROXY',
      [],
      `should be addresses or networks (10.0.0.0/8) of your proxies, or ${PROXY_PRESETS.join(', ')}, separated by commas`,
      parseProxies,
    ),
  };
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/** Both or none; what is in them is looked at, as nobody would notice a wrong one until a strict sender is turned away. */
function readSmtpCertificate(
  get: (variable: string) => string | undefined,
  problems: ConfigProblem[],
): Config['smtpCertificate'] {
  const cert = get('TODOKE_SMTP_CERT');
  const key = get('TODOKE_SMTP_KEY');
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    const variable = cert === undefined ? 'TODOKE_SMTP_CERT' : 'TODOKE_SMTP_KEY';
    const expected = 'should name a PEM file, as the other one of TODOKE_SMTP_CERT and TODOKE_SMTP_KEY does';
    problems.push({ variable, value: '', expected });
    return undefined;
  }
  try {
    createSecureContext({ cert: readFileSync(cert), key: readFileSync(key) });
    return { cert: resolve(cert), key: resolve(key) };
  } catch (error) {
    const why = (error as Error).message;
    const expected = `should be a certificate in PEM form that TODOKE_SMTP_KEY=${JSON.stringify(key)} belongs to (${why})`;
    problems.push({ variable: 'TODOKE_SMTP_CERT', value: cert, expected });
    return undefined;
  }
}

export const PUBLIC_URL_EXPECTED =
  'should be the http or https address that readers reach the public port by, without query, such as https://mail.example.co.jp';

/** Answers the URL without trailing slash, or undefined when it cannot be the base of links. */
export function parsePublicUrl(value: string): string | undefined {
  if (!URL.canParse(value)) return undefined;
  const url = new URL(value);
  const plain = !url.search && !url.hash && !url.username && !url.password;
  return ['http:', 'https:'].includes(url.protocol) && url.hostname && plain
    ? url.href.replace(/\/+$/, '')
    : undefined;
}

function parsePort(value: string): number | undefined {
  return /^\d{1,5}$/.test(value) && Number(value) <= 65_535 ? Number(value) : undefined;
}

function splitList(value: string): string[] {
  return value.split(',').map((part) => part.trim());
}

function parseDns(value: string): string[] | undefined {
  const servers = splitList(value).map((part) => {
    if (isIP(part) === 4) return `${part}:53`;
    if (isIP(part) === 6) return `[${part}]:53`;
    const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(part);
    const [, v6, v4, port = ''] = match ?? [];
    if (!parsePort(port)) return undefined;
    if (v6 && isIP(v6) === 6) return `[${v6}]:${Number(port)}`;
    return v4 && isIP(v4) === 4 ? `${v4}:${Number(port)}` : undefined;
  });
  return servers.every((server) => server !== undefined) ? servers : undefined;
}

function parseProxies(value: string): string[] | undefined {
  const proxies = splitList(value);
  const ok = proxies.every((proxy) => {
    if (PROXY_PRESETS.includes(proxy)) return true;
    const [address = '', bits, ...rest] = proxy.split('/');
    const version = isIP(address);
    if (!version || rest.length > 0) return false;
    return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
  });
  return ok ? proxies : undefined;
}
