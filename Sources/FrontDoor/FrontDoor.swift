import ArgumentParser
import Basics
import Foundation

/// Runs a command line: parses it, runs the command, and turns what went wrong into one line and an exit code.
///
/// Exit codes: 0 done, 1 operating error, 2 usage, 3 stopped by a signal after a clean checkpoint.
/// - Parameters:
///   - root: the executable's root command; its configuration carries `version: Build.version`.
///   - arguments: without the executable's name; nil takes those of the process.
public func runFrontDoor<Root: ParsableCommand>(_ root: Root.Type, arguments: [String]? = nil) -> Never {
    // Whoever reads our output may leave early, as `head` does; a write to it then fails instead of killing us.
    signal(SIGPIPE, SIG_IGN)
    // A file that may grow no further is an error like a full disk, not a death.
    signal(SIGXFSZ, SIG_IGN)
    var command: any ParsableCommand
    do {
        command = try root.parseAsRoot(arguments)
    } catch {
        exitAsParserSays(root, error)
    }
    do {
        try command.run()
    } catch let stopped as StoppedBySignal {
        writeToStandardError(oneLine(stopped))
        exit(3)
    } catch {
        // Help is a command too, and its errors are the parser's own.
        let code = root.exitCode(for: error)
        if code.isSuccess || code == .validationFailure || error is ExitCode { exitAsParserSays(root, error) }
        writeToStandardError("\(name(of: type(of: command), under: root)): \(oneLine(error))")
        exit(1)
    }
    exit(0)
}

/// Thrown by a command that stopped because it was asked to, with everything saved.
public struct StoppedBySignal: Error, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }

    /// How a training says it.
    /// - Parameter isSaved: whether there is a checkpoint.
    public init(command: String, isSaved: Bool) {
        description =
            isSaved
            ? "\(command): stopped, everything learned is saved. Continue with --resume."
            : "\(command): stopped before the first step, nothing to save. Start again."
    }
}

/// Help and version to standard output, a usage error to standard error.
private func exitAsParserSays<Root: ParsableCommand>(_ root: Root.Type, _ error: any Error) -> Never {
    let code = root.exitCode(for: error)
    let message = root.fullMessage(for: error)
    if !message.isEmpty { code.isSuccess ? print(message) : writeToStandardError(message) }
    exit(code == .validationFailure ? 2 : code.rawValue)
}

/// An error as one line.
private func oneLine(_ error: any Error) -> String {
    // Foundation's own description is for programmers.
    oneLine(error is CocoaError || error is POSIXError ? error.localizedDescription : "\(error)")
}

private func name<Root: ParsableCommand>(of command: any ParsableCommand.Type, under root: Root.Type) -> String {
    let own = command._commandName
    return root._commandName == own ? own : "\(root._commandName) \(own)"
}
