/** This mail cannot be made: its content does not compile, or this person's values break it. Everything else is our failure. */
export class UnfitContent extends Error {}
