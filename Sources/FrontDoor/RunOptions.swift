import ArgumentParser
import CPlatform
import Configuration
import Foundation

/// Options of every command that belongs to a training run.
public struct RunOptions: ParsableArguments {
    @Option(help: "Config file of the run.")
    public var config: String

    @Option(help: "Run directory, in place of the config's `run`.")
    public var run: String?

    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: ArgumentHelp("Override one setting; may be repeated.", valueName: "section.key=value"))
    public var overrides: [String] = []

    public init() {}

    /// The config file with the overrides applied.
    /// - Throws: `ConfigError`.
    public func settings() throws -> PipelineSettings {
        try PipelineSettings.load(path: config, overrides: allOverrides)
    }

    /// `--set` arguments that say the same as all options together.
    public var allOverrides: [String] { overrides + (run.map { ["run=\($0)"] } ?? []) }
}

/// Options by which a supervisor keeps its children; not for people.
public struct SupervisionOptions: ParsableArguments {
    @Option(help: .hidden)
    public var supervisor: Int32?

    public init() {}

    /// Makes this process end with its supervisor.
    /// - Throws: `ExitCode` when the supervisor is gone already.
    public func follow() throws {
        guard let supervisor else { return }
        _ = platform_stop_with_parent()
        if getppid() != supervisor { throw ExitCode(1) }
    }

    /// Tells the supervisor that this process is ready for others.
    public func reportReady() {
        if supervisor != nil { try? FileHandle.standardOutput.write(contentsOf: Data("ready\n".utf8)) }
    }
}
