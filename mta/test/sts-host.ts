/** Policy hosts for MTA-STS: a real HTTPS server with certificates of a test CA. */
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { type IssuedCertificate, issueCertificate } from '../sandbox/certificate.ts';

export interface StsAnswer {
  status?: number;
  headers?: Record<string, string>;
  body: string;
  /** never ends its answer */
  hang?: boolean;
}

export interface StsHost {
  port: number;
  /** PEM of the CA that its certificates are from */
  ca: string;
  /** Host headers and paths, as asked */
  requests: string[];
  answer: StsAnswer;
  stop(): Promise<void>;
}

export const policyText = (mode: string, mx: string[], maxAge = 86_400): string =>
  ['version: STSv1', `mode: ${mode}`, ...mx.map((host) => `mx: ${host}`), `max_age: ${maxAge}`, ''].join(
    '\r\n',
  );

export interface StsHostOptions {
  ca: IssuedCertificate;
  /** names on its certificate */
  hosts: string[];
  certificate?: { key: string; cert: string };
  address?: string;
  port?: number;
}

export async function startStsHost(body: string, options: StsHostOptions): Promise<StsHost> {
  const { ca, hosts, address = '127.0.0.1', port = 0 } = options;
  const { key, cert } =
    options.certificate ?? issueCertificate({ commonName: 'policy host', hosts, issuer: ca });
  const server = https.createServer({ key, cert }, (request, response) => {
    host.requests.push(`${request.headers.host} ${request.url}`);
    const { status = 200, headers = { 'content-type': 'text/plain' }, body: text, hang } = host.answer;
    response.writeHead(status, headers);
    if (hang) response.write(text);
    else response.end(text);
  });
  const host: StsHost = {
    port: 0,
    ca: ca.cert,
    requests: [],
    answer: { body },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  await new Promise<void>((resolve) => server.listen(port, address, resolve));
  host.port = (server.address() as AddressInfo).port;
  return host;
}
