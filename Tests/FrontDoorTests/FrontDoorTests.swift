import ArgumentParser
import Basics
import Foundation
import FrontDoor
import Testing

/// A command line in small.
private struct Tool: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tool", abstract: "A tool.", version: Build.version, subcommands: [Work.self])

    struct Work: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "work")
        @Option var end = "well"

        func validate() throws {
            if end == "nonsense" { throw ValidationError("there is no such end") }
        }

        func run() throws {
            switch end {
            case "badly": throw ConfigError(place: "f:1:2", subject: "a", expected: "b", found: "c\n\u{1B}d\0")
            case "foundation": _ = try Data(contentsOf: URL(fileURLWithPath: "/no/such"))
            case "stopped": throw StoppedBySignal("stopped at step 7")
            case "code": throw ExitCode(7)
            default: print("result")
            }
        }
    }
}

@Suite struct FrontDoorTests {
    private func output(_ result: ExitTest.Result?) -> String { text(result?.standardOutputContent) }
    private func errors(_ result: ExitTest.Result?) -> String { text(result?.standardErrorContent) }

    /// The testing library's own marker, which is not UTF-8, stays where a process wrote nothing.
    private func text(_ bytes: [UInt8]?) -> String { String(validating: bytes ?? [], as: UTF8.self) ?? "" }

    @Test("a command that is done exits with 0, and its output is all there is")
    func done() async throws {
        let result = try #require(
            await #expect(
                processExitsWith: .exitCode(0), observing: [\.standardOutputContent, \.standardErrorContent]
            ) { runFrontDoor(Tool.self, arguments: ["work"]) })
        #expect(output(result).hasSuffix("result\n"))
        #expect(errors(result) == "")
    }

    @Test("an operating error is exactly one line with the command's name, and 1")
    func operatingError() async throws {
        let result = try #require(
            await #expect(processExitsWith: .exitCode(1), observing: [\.standardErrorContent]) {
                runFrontDoor(Tool.self, arguments: ["work", "--end", "badly"])
            })
        #expect(errors(result) == "tool work: config: f:1:2: a: expected b, found c; ?d?. Correct it.\n")
    }

    @Test("an error of Foundation is one readable line")
    func foundationError() async throws {
        let result = try #require(
            await #expect(processExitsWith: .exitCode(1), observing: [\.standardErrorContent]) {
                runFrontDoor(Tool.self, arguments: ["work", "--end", "foundation"])
            })
        let line = errors(result)
        #expect(line.hasPrefix("tool work: ") && !line.contains("Error Domain"), "\(line)")
        #expect(line.split(separator: "\n").count == 1)
    }

    @Test("a usage error exits with 2, with the usage on standard error and nothing on standard output")
    func usage() async throws {
        for result in [
            await #expect(
                processExitsWith: .exitCode(2), observing: [\.standardOutputContent, \.standardErrorContent]
            ) { runFrontDoor(Tool.self, arguments: ["work", "--no-such"]) },
            await #expect(
                processExitsWith: .exitCode(2), observing: [\.standardOutputContent, \.standardErrorContent]
            ) { runFrontDoor(Tool.self, arguments: ["play"]) },
            await #expect(
                processExitsWith: .exitCode(2), observing: [\.standardOutputContent, \.standardErrorContent]
            ) { runFrontDoor(Tool.self, arguments: ["work", "--end", "nonsense"]) },
        ] {
            let error = errors(result)
            #expect(error.contains("Error: ") && error.contains("Usage: "), "\(error)")
            #expect(!output(result).contains("Usage"))
        }
    }

    @Test("help and version go to standard output, and exit with 0")
    func helpAndVersion() async throws {
        let help = await #expect(
            processExitsWith: .exitCode(0), observing: [\.standardOutputContent, \.standardErrorContent]
        ) { runFrontDoor(Tool.self, arguments: ["--help"]) }
        #expect(output(help).contains("USAGE: tool"))
        #expect(errors(help) == "")
        let version = await #expect(
            processExitsWith: .exitCode(0), observing: [\.standardOutputContent, \.standardErrorContent]
        ) { runFrontDoor(Tool.self, arguments: ["--version"]) }
        let written = output(version)
        #expect(written.hasSuffix(Build.version + "\n"))
        #expect(errors(version) == "")
    }

    @Test("a stop by signal exits with 3 and one line")
    func stopped() async throws {
        let result = await #expect(processExitsWith: .exitCode(3), observing: [\.standardErrorContent]) {
            runFrontDoor(Tool.self, arguments: ["work", "--end", "stopped"])
        }
        #expect(errors(result) == "stopped at step 7\n")
    }

    @Test("a command's own exit code goes through without a word")
    func ownCode() async throws {
        let result = await #expect(processExitsWith: .exitCode(7), observing: [\.standardErrorContent]) {
            runFrontDoor(Tool.self, arguments: ["work", "--end", "code"])
        }
        #expect(errors(result) == "")
    }
}
