// Plain JavaScript, so that an old Node can run it far enough to say what is wrong.
const major = Number(process.versions.node.split('.')[0]);
if (!(major >= 24)) {
  console.error(
    `Todoke needs Node 24 or newer, but this is ${process.version}. Install Node 24; on linux x64, "npm ci" brings a pinned one by itself (run without --omit=optional).`,
  );
  process.exit(1);
}
