/// What this build is.
public enum Build {
    /// Version of every executable, checkpoint and manifest of this build.
    public static let version = "0.1.0"
}
