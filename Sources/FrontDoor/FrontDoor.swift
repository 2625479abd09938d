import ArgumentParser
import Basics
import Foundation

/// Runs a command line: parses it, runs the command, and turns what went wrong into one line and an exit code.
///
/// Exit codes: 0 done, 1 operating error, 2 usage, 3 stopped by a signal after a clean checkpoint.
/// - Parameter root: the executable's root command.
public func runFrontDoor<Root: ParsableCommand>(_ root: Root.Type) -> Never {
    signal(SIGPIPE, SIG_IGN)
    var command: any ParsableCommand
    do {
        command = try root.parseAsRoot()
    } catch {
        exitWithUsage(root, error)
    }
    do {
        try command.run()
    } catch let stopped as StoppedBySignal {
        writeToStandardError("\(stopped)")
        exit(3)
    } catch {
        if let code = error as? ExitCode { exit(code.rawValue) }
        // The parser's own errors, a request for help among them, carry a code of their own.
        if root.exitCode(for: error) != .failure { exitWithUsage(root, error) }
        writeToStandardError("\(name(of: type(of: command), under: root)): \(error)")
        exit(1)
    }
    exit(0)
}

/// Thrown by a command that stopped because it was asked to, with everything saved.
public struct StoppedBySignal: Error, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}

private func exitWithUsage<Root: ParsableCommand>(_ root: Root.Type, _ error: any Error) -> Never {
    let code = root.exitCode(for: error)
    if code.isSuccess {
        print(root.fullMessage(for: error))
    } else {
        writeToStandardError(root.fullMessage(for: error))
    }
    exit(code.isSuccess ? 0 : code == .validationFailure ? 2 : code.rawValue)
}

private func name<Root: ParsableCommand>(of command: any ParsableCommand.Type, under root: Root.Type) -> String {
    let own = command._commandName
    return root._commandName == own ? own : "\(root._commandName) \(own)"
}
