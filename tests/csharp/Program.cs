using System;
using System.Diagnostics;
using System.Linq;
using System.Reflection;
using System.Threading.Tasks;

namespace Fastpar.Tests;

/// <summary>Marks a test: a static method without parameters, which may return a task.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class TestAttribute : Attribute
{
}

/// <summary>
/// Runs every test, or those whose names contain the arguments; returns the number of failures.
/// </summary>
internal static class Program
{
    /// <summary>BindingFlags.DoNotWrapExceptions, which netstandard2.0 does not name.</summary>
    private const BindingFlags AsThrown = (BindingFlags)0x02000000;

    private static int Main(string[] arguments)
    {
        if (arguments.Length == 3 && arguments[0] == "--leave")
        {
            return Leaving.Leave(arguments[1], int.Parse(arguments[2]));
        }
#if NET
        if (arguments.Length == 3 && arguments[0] == "--soak")
        {
            return Soak.Run(int.Parse(arguments[1]), int.Parse(arguments[2]));
        }
#else
        if (arguments.Length == 1 && arguments[0] == "--native-host")
        {
            return NativeHost.Run();
        }
        if (arguments.Length == 1 && arguments[0] == "--hooked")
        {
            return NativeHost.Hooked();
        }
#endif
        var tests =
            from type in typeof(Program).Assembly.GetTypes()
            from method in type.GetMethods(BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public)
            where method.GetCustomAttribute<TestAttribute>() != null
            let name = type.Name + "." + method.Name
            where arguments.Length == 0 || arguments.Any(part => name.Contains(part))
            orderby type.Name, method.MetadataToken
            select (name, method);
        return tests.ToList().Count(test => !Run(test.name, test.method));
    }

    private static bool Run(string name, MethodInfo test)
    {
        var clock = Stopwatch.StartNew();
        try
        {
            object? result = test.Invoke(null, AsThrown, null, null, null);
            if (result is Task task && !task.Wait(Expect.Limit))
            {
                throw new TimeoutException("the test did not end");
            }
            Console.WriteLine($"test {name} ... ok");
            if (clock.ElapsedMilliseconds > 3000)
            {
                Console.WriteLine($"  it took {clock.ElapsedMilliseconds} ms");
            }
            return true;
        }
        catch (Exception exception)
        {
            Console.WriteLine(exception);
            Console.WriteLine($"test {name} ... FAILED");
            return false;
        }
    }
}
