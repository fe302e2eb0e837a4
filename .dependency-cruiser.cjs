/** The arrows of shared/DESIGN.md: ui → (types only) server → mta, never back. */
const TEST = '\\.test\\.ts$|^mta/(test|bench)/|^server/(test|testing|bench)/|^deploy/e2e/';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: "Of what is left at run time: two files may name each other's types.",
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-orphans',
      comment: 'A file that nothing imports and that is no entry point is dead.',
      severity: 'error',
      from: {
        orphan: true,
        pathNot: `${TEST}|\\.d\\.ts$|^server/cli\\.ts$|^(server|mta)/main\\.ts$|worker\\.ts$|^scripts/|\\.config\\.ts$`,
      },
      to: {},
    },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'mta-stands-alone',
      comment: 'The MTA is an engine of its own: it knows nothing of campaigns, HTTP or users.',
      severity: 'error',
      from: { path: '^mta/' },
      to: { path: '^(server|ui)/' },
    },
    { name: 'server-not-to-ui', severity: 'error', from: { path: '^server/' }, to: { path: '^ui/' } },
    {
      name: 'server-to-mta-by-its-door',
      comment: 'mta/index.ts names all that the server may use. Tests may also use the fixtures of mta/test.',
      severity: 'error',
      from: { path: '^server/', pathNot: TEST },
      to: { path: '^mta/', pathNot: '^mta/index\\.ts$' },
    },
    {
      name: 'ui-knows-only-types-of-the-server',
      severity: 'error',
      from: { path: '^ui/', pathNot: TEST },
      to: { path: '^server/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'ui-not-to-mta',
      comment: "Tests hold the UI's texts to the MTA's lists of codes.",
      severity: 'error',
      from: { path: '^ui/', pathNot: TEST },
      to: { path: '^mta/' },
    },
    {
      name: 'features-not-to-routes-of-others',
      comment: 'Features share logic, never HTTP.',
      severity: 'error',
      from: { path: '^server/([^/]+)/', pathNot: TEST },
      to: { path: '^server/[^/]+/.*routes\\.ts$', pathNot: '^server/$1/' },
    },
    {
      name: 'no-test-code-in-the-product',
      severity: 'error',
      from: { path: '^(server|mta|ui)/', pathNot: TEST },
      to: { path: TEST },
    },
    {
      name: 'no-dev-dependency-at-run-time',
      comment: 'The image is installed without them. (The UI is bundled at build time.)',
      severity: 'error',
      from: { path: '^(server|mta)/', pathNot: TEST },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-undeclared-package',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^ui/dist/' },
    // sees type-only imports, which the arrows are about too
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'svelte', 'types'],
    },
  },
};
