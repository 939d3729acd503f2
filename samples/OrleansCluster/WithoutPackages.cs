// Where the packages of Orleans cannot be restored there is nothing to run: this says so.
Console.WriteLine("demo: skipped: built without the packages of Orleans; they could not be restored here (eng/orleans, docs/orleans.md)");
return 0;
